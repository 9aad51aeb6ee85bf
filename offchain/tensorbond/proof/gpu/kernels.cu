// GPOW1 on a GPU, all but the matrix product: bit for bit what the CPU computes (proof.md, sections 2 and 3).
//
// NVRTC compiles this file for NVIDIA and hipRTC for AMD; the tests compile it as C++ behind a shim of the few
// names that it takes from CUDA. Every buffer holds the bytes of the wire format, so that what is opened is
// copied as it lies. A thread stands for one thing (a Philox block, a lane of a tile, a node, a label, a
// walker) and none waits for another, but for walk_steps, in which eight lanes carry one walker.

typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __HIP_PLATFORM_AMD__
#define FROM_LANE(word, lane) __shfl(word, lane, 8)
#else
#define FROM_LANE(word, lane) __shfl_sync(0xFFFFFFFFu, word, lane, 8)
#endif

#define KERNEL extern "C" __global__ void
#define INLINE static __device__ __forceinline__

INLINE u64 thread_index() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

INLINE u32 rotate_left(u32 word, int count) { return word << count | word >> (32 - count); }

INLINE u32 rotate_right(u32 word, int count) { return word >> count | word << (32 - count); }

INLINE u32 swap_bytes(u32 word) {
    return word << 24 | (word & 0xFF00) << 8 | (word >> 8 & 0xFF00) | word >> 24;
}

// floor(word * count / 2^32), for a count of up to 2^63.
INLINE u64 scale(u32 word, u64 count) {
    return (u64)word * (count >> 32) + ((u64)word * (count & 0xFFFFFFFFu) >> 32);
}

// Philox4x32-10

INLINE uint4 philox(u32 c0, u32 c1, u32 c2, u32 c3, u32 k0, u32 k1) {
#pragma unroll
    for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
        c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
        c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c1 = (u32)p1;
        c3 = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    uint4 block;
    block.x = c0, block.y = c1, block.z = c2, block.w = c3;
    return block;
}

// SHA-256. A block is 16 words as the hash reads them, big-endian; a state is 8.

__constant__ u32 SHA_ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

INLINE void start_hash(u32* state) {
    state[0] = 0x6a09e667, state[1] = 0xbb67ae85, state[2] = 0x3c6ef372, state[3] = 0xa54ff53a;
    state[4] = 0x510e527f, state[5] = 0x9b05688c, state[6] = 0x1f83d9ab, state[7] = 0x5be0cd19;
}

// Uses up `block`.
INLINE void compress(u32* state, u32* block) {
    u32 a = state[0], b = state[1], c = state[2], d = state[3];
    u32 e = state[4], f = state[5], g = state[6], h = state[7];
#pragma unroll
    for (int round = 0; round < 64; round++) {
        u32 word = block[round & 15];
        if (round >= 16) {
            u32 near = block[(round + 14) & 15], far = block[(round + 1) & 15];
            word += (rotate_right(near, 17) ^ rotate_right(near, 19) ^ near >> 10) + block[(round + 9) & 15] +
                    (rotate_right(far, 7) ^ rotate_right(far, 18) ^ far >> 3);
            block[round & 15] = word;
        }
        u32 first = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) + (g ^ (e & (f ^ g))) +
                    SHA_ROUND[round] + word;
        u32 second = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) + ((a & b) | (c & (a | b)));
        h = g, g = f, f = e, e = d + first;
        d = c, c = b, b = a, a = first + second;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

// The block that ends a message of `bytes` bytes, a multiple of 64.
INLINE void compress_end(u32* state, u32 bytes) {
    u32 block[16] = {0x80000000u, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bytes * 8};
    compress(state, block);
}

// `quads` times 16 bytes of a message, as words of a block.
INLINE void load_words(u32* block, const uint4* bytes, int quads) {
#pragma unroll
    for (int i = 0; i < quads; i++) {
        uint4 quad = bytes[i];
        block[4 * i] = swap_bytes(quad.x), block[4 * i + 1] = swap_bytes(quad.y);
        block[4 * i + 2] = swap_bytes(quad.z), block[4 * i + 3] = swap_bytes(quad.w);
    }
}

INLINE void store_digest(uint4* bytes, const u32* state) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
        uint4 quad;
        quad.x = swap_bytes(state[4 * i]), quad.y = swap_bytes(state[4 * i + 1]);
        quad.z = swap_bytes(state[4 * i + 2]), quad.w = swap_bytes(state[4 * i + 3]);
        bytes[i] = quad;
    }
}

// SHA-256 of 128 bytes.
INLINE void hash_128(u32* state, const uint4* bytes) {
    u32 block[16];
    start_hash(state);
    load_words(block, bytes, 4);
    compress(state, block);
    load_words(block, bytes + 4, 4);
    compress(state, block);
    compress_end(state, 128);
}

// Matrix lines: one Philox block a thread, 2^shift of them a line.

// 16 values of a byte each, byte - 128.
KERNEL fill_lines(uint4* lines, u64 count, u32 shift, u32 first, u32 s0, u32 s1, u32 s2, u32 s3) {
    u64 at = thread_index();
    if (at >= count) return;
    u32 inside = (u32)at & ((1u << shift) - 1);
    uint4 block = philox(inside, first + (u32)(at >> shift), s2, s3, s0, s1);
    block.x ^= 0x80808080u, block.y ^= 0x80808080u, block.z ^= 0x80808080u, block.w ^= 0x80808080u;
    lines[at] = block;
}

// The bfloat16 of (half & 511) - 256, which holds each of these values exactly.
INLINE u32 brain_float(u32 half) { return __float_as_uint((float)((int)(half & 511) - 256)) >> 16; }

INLINE u32 brain_floats(u32 word) { return brain_float(word) | brain_float(word >> 16) << 16; }

// 8 values of profile W2, each a bfloat16.
KERNEL fill_wide_lines(uint4* lines, u64 count, u32 shift, u32 first, u32 s0, u32 s1, u32 s2, u32 s3) {
    u64 at = thread_index();
    if (at >= count) return;
    u32 inside = (u32)at & ((1u << shift) - 1);
    uint4 block = philox(inside, first + (u32)(at >> shift), s2, s3, s0, s1);
    block.x = brain_floats(block.x), block.y = brain_floats(block.y);
    block.z = brain_floats(block.z), block.w = brain_floats(block.w);
    lines[at] = block;
}

// MIX32x8: one lane of a tile a thread, 4 rows of 8 entries. Neighbours read neighbouring columns; a row of the
// product has 8 << shift columns.

INLINE u32 mix_entry(u32 digest, u32 entry) {
    u32 mixed = rotate_left(entry * 0xCC9E2D51u, 15) * 0x1B873593u;
    return rotate_left(digest ^ mixed, 13) * 5 + 0xE6546B64u;
}

INLINE u32 whole(u32 word) { return (u32)(int)__uint_as_float(word); }

INLINE void mix_lane(const uint4* entries, u32* digests, u64 at, u32 shift, bool floats) {
    u64 rows = at >> shift;
    u32 columns = (u32)at & ((1u << shift) - 1);
    u32 lane = ((u32)rows & 3) << 1 | (columns & 1);
    const uint4* row = entries + (((rows << shift << 2) + columns) << 1);
    u32 digest = 0x9E3779B9u + lane;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        uint4 quad = row[(u64)(i >> 1) << shift << 1 | (i & 1)];
        if (floats) quad.x = whole(quad.x), quad.y = whole(quad.y), quad.z = whole(quad.z), quad.w = whole(quad.w);
        digest = mix_entry(mix_entry(mix_entry(mix_entry(digest, quad.x), quad.y), quad.z), quad.w);
    }
    u64 tile = (rows >> 2 << (shift - 1)) + (columns >> 1);
    digests[tile << 3 | lane] = digest;
}

KERNEL mix_tiles(const uint4* entries, u32* digests, u64 lanes, u32 shift) {
    u64 at = thread_index();
    if (at < lanes) mix_lane(entries, digests, at, shift, false);
}

// The same of a product in float32, each entry of which is a whole number.
KERNEL mix_wide_tiles(const uint4* entries, u32* digests, u64 lanes, u32 shift) {
    u64 at = thread_index();
    if (at < lanes) mix_lane(entries, digests, at, shift, true);
}

// Merkle: one node a thread.

KERNEL join_nodes(const uint4* below, uint4* above, u64 count) {
    u64 at = thread_index();
    if (at >= count) return;
    u32 state[8], block[16];
    start_hash(state);
    load_words(block, below + 4 * at, 4);
    compress(state, block);
    compress_end(state, 64);
    store_digest(above + 2 * at, state);
}

// Memory phase

// One label of a layer a thread. Nothing in the layer refers to the layer.
KERNEL fill_labels(uint4* labels, u32 layer, u32 width, u32 s0, u32 s1, u32 s2, u32 s3) {
    u64 inside = thread_index();
    if (inside >= width) return;
    u64 below = (u64)layer * width, number = below + inside;
    u32 state[8], block[16] = {
        swap_bytes(0x4F504731u), swap_bytes(0x4Cu), swap_bytes((u32)number), swap_bytes((u32)(number >> 32)),
        swap_bytes(s0), swap_bytes(s1), swap_bytes(s2), swap_bytes(s3),
    };
    start_hash(state);
    if (layer == 0) {
        block[8] = 0x80000000u;
        block[15] = 32 * 8;
    } else {
        load_words(block + 8, labels + 2 * (number - width), 2);
#pragma unroll 1
        for (u32 four = 0; four < 4; four++) {
            uint4 draws = philox((u32)inside, layer, four, s2, s0, s1 ^ 0x4D);
            u64 first = scale(draws.x, below), second = scale(draws.y, below);
            u64 third = scale(draws.z, below), fourth = scale(draws.w, below);
            if (four) load_words(block + 8, labels + 2 * first, 2);
            compress(state, block);
            load_words(block, labels + 2 * second, 2);
            load_words(block + 8, labels + 2 * third, 2);
            compress(state, block);
            load_words(block, labels + 2 * fourth, 2);
        }
#pragma unroll
        for (int i = 8; i < 16; i++) block[i] = 0;
        block[8] = 0x80000000u;
        block[15] = 544 * 8;
    }
    compress(state, block);
    store_digest(labels + 2 * number, state);
}

// Four labels a thread.
KERNEL hash_blocks(const uint4* labels, uint4* nodes, u64 count) {
    u64 at = thread_index();
    if (at >= count) return;
    u32 state[8];
    hash_128(state, labels + 8 * at);
    store_digest(nodes + 2 * at, state);
}

// A quarter of a walker's first state a thread: SHA-256 of tag, root, walker and quarter, 47 bytes.
KERNEL start_walkers(const u32* root, uint4* states, u64 quarters) {
    u64 at = thread_index();
    if (at >= quarters) return;
    u32 state[8], block[16];
    u32 walker = swap_bytes((u32)(at >> 2)), quarter = swap_bytes((u32)at & 3);
    block[0] = 'G' << 24 | 'P' << 16 | 'O' << 8 | 'W';
    block[1] = '1' << 24 | '/' << 16 | 'W' << 8;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        u32 word = swap_bytes(root[i]);
        block[i + 1] |= word >> 24;
        block[i + 2] = word << 8;
    }
    block[9] |= walker >> 24;
    block[10] = walker << 8 | quarter >> 24;
    block[11] = quarter << 8 | 0x80;
    block[12] = block[13] = block[14] = 0;
    block[15] = 47 * 8;
    start_hash(state);
    compress(state, block);
    store_digest(states + 2 * at, state);
}

// `steps` steps of every walker. Lane l of its eight holds words 4l .. 4l + 3 of the state, and reads the same
// words of the block: a block is one line of memory, read at once.
KERNEL walk_steps(const uint4* blocks, u64 block_count, uint4* states, u64 walkers, u32 steps) {
    u64 at = thread_index();
    u32 lane = (u32)at & 7;
    bool walks = at >> 3 < walkers;
    uint4 state = states[walks ? at : lane];
    for (u32 step = 0; step < steps; step++) {
        u64 number = scale(FROM_LANE(state.x, 0), block_count);
        uint4 block = blocks[number << 3 | lane];
        uint4 y;
        y.x = state.x * 0x9E3779B1u ^ block.x, y.y = state.y * 0x9E3779B1u ^ block.y;
        y.z = state.z * 0x9E3779B1u ^ block.z, y.w = state.w * 0x9E3779B1u ^ block.w;
        state.x = rotate_left(y.x + FROM_LANE(y.y, (lane + 2) & 7), 13);
        state.y = rotate_left(y.y + FROM_LANE(y.z, (lane + 2) & 7), 13);
        state.z = rotate_left(y.z + FROM_LANE(y.w, (lane + 2) & 7), 13);
        state.w = rotate_left(y.w + FROM_LANE(y.x, (lane + 3) & 7), 13);
    }
    if (walks) states[at] = state;
}

// A checkpoint of one walker a thread: h becomes SHA-256(h, SHA-256(state)).
KERNEL chain_states(const uint4* states, uint4* chain, u64 walkers) {
    u64 at = thread_index();
    if (at >= walkers) return;
    u32 digest[8], state[8], block[16];
    hash_128(digest, states + 8 * at);
    load_words(block, chain + 2 * at, 2);
#pragma unroll
    for (int i = 0; i < 8; i++) block[8 + i] = digest[i];
    start_hash(state);
    compress(state, block);
    compress_end(state, 64);
    store_digest(chain + 2 * at, state);
}
