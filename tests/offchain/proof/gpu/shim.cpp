#include "shim.h"

#include "kernels.cu"

EXPORT(fill_lines, false)
EXPORT(fill_wide_lines, false)
EXPORT(mix_tiles, false)
EXPORT(mix_wide_tiles, false)
EXPORT(join_nodes, false)
EXPORT(fill_labels, false)
EXPORT(hash_blocks, false)
EXPORT(start_walkers, false)
EXPORT(walk_steps, true)
EXPORT(chain_states, false)

extern "C" u64 scale_word(u32 word, u64 count) { return scale(word, count); }
