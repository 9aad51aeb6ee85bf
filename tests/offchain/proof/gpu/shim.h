// What kernels.cu takes from CUDA, for a C++ compiler: threads are a loop, or fibres where lanes trade words.
#pragma once

#include <cstdint>
#include <cstring>
#include <tuple>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __constant__ static const
#define __forceinline__ inline

struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

struct Index {
    unsigned x;
};

static Index blockIdx, blockDim, threadIdx;

inline unsigned __float_as_uint(float value) {
    unsigned word;
    memcpy(&word, &value, 4);
    return word;
}

inline float __uint_as_float(unsigned word) {
    float value;
    memcpy(&value, &word, 4);
    return value;
}

// A warp: 32 fibres that run in turn, each until it trades a word or ends. A turn later all have written
// theirs, so reading then is what a GPU's lanes do at once. Two rows of words, used by turns: a lane may write
// its next word before the last lane has read.
struct Warp {
    static const unsigned LANES = 32, STACK = 1 << 16;
    unsigned words[2][LANES], lane = 0, running = 0;
    ucontext_t main, lanes[LANES];
    std::vector<char> stacks = std::vector<char>(LANES * STACK);
    bool ended[LANES];
    unsigned turns[LANES];
    void (*body)(void*);
    void* argument;

    void run(unsigned first_thread) {
        running = LANES;
        for (lane = 0; lane < LANES; lane++) {
            ended[lane] = false, turns[lane] = 0;
            getcontext(&lanes[lane]);
            lanes[lane].uc_stack.ss_sp = stacks.data() + lane * STACK;
            lanes[lane].uc_stack.ss_size = STACK;
            lanes[lane].uc_link = &main;
            makecontext(&lanes[lane], enter, 0);
        }
        while (running)
            for (lane = 0; lane < LANES; lane++)
                if (!ended[lane]) {
                    threadIdx.x = first_thread + lane;
                    swapcontext(&main, &lanes[lane]);
                }
    }

    unsigned trade(unsigned word, unsigned from, unsigned width) {
        unsigned* row = words[turns[lane]++ & 1];
        row[lane] = word;
        swapcontext(&lanes[lane], &main);
        return row[lane / width * width + from % width];
    }

    static void enter();
};

static Warp warp;

void Warp::enter() {
    warp.body(warp.argument);
    warp.ended[warp.lane] = true;
    warp.running--;
}

inline unsigned __shfl_sync(unsigned, unsigned word, unsigned from, unsigned width) {
    return warp.trade(word, from, width);
}

template <class... Parameters> struct Launch {
    void (*kernel)(Parameters...);
    void** arguments;

    template <size_t... I> void call(std::index_sequence<I...>) const {
        kernel(*static_cast<std::remove_reference_t<Parameters>*>(arguments[I])...);
    }
    void operator()() const { call(std::index_sequence_for<Parameters...>()); }
};

template <class... Parameters>
void launch(void (*kernel)(Parameters...), unsigned grid, unsigned block, void** arguments, bool trades) {
    Launch<Parameters...> thread{kernel, arguments};
    blockDim.x = block;
    for (blockIdx.x = 0; blockIdx.x < grid; blockIdx.x++) {
        if (!trades)
            for (threadIdx.x = 0; threadIdx.x < block; threadIdx.x++) thread();
        else
            for (unsigned first = 0; first < block; first += Warp::LANES) {
                warp.body = [](void* call) { (*static_cast<Launch<Parameters...>*>(call))(); };
                warp.argument = &thread;
                warp.run(first);
            }
    }
}

#define EXPORT(name, trades) \
    extern "C" void launch_##name(unsigned grid, unsigned block, void** arguments) { \
        launch(name, grid, block, arguments, trades); \
    }
