// The pinned digests, as `golden_digests --print` prints them.
#pragma once

#include <cstdint>
#include <string_view>

namespace ruvllm::golden {

struct Expected {
    std::string_view section;
    std::uint64_t digest;
};

inline constexpr Expected expected_digests[] = {
    {"dot", 0x3148475fccccf40a},
    {"squared_norm", 0xf1c5c2b5252d65b3},
    {"squared_norms", 0x9e4572b97f785929},
    {"squared_distance", 0x286a47160b18a127},
    {"dot_pairs", 0x1522f1357047a7ac},
    {"gemv", 0x8c38fa1f5905c6e3},
    {"gemm", 0x1330da57b0c715cd},
    {"gemv_transposed", 0x8e95a5cf091d7416},
    {"add_rows", 0xf1c88b6352641f33},
    {"cosine_many", 0x0216a36b3fd14115},
    {"cosine_with_norms", 0x0216a36b3fd14115},
    {"cosine", 0xafb66ca4dd6f69e0},
    {"axpy", 0x8c4a73b47e959903},
    {"scale", 0x5b5b156ef338abfe},
    {"ema_of_squares", 0x13b0aef75cb041a6},
    {"add_squares", 0x068f24584ce5291b},
    {"momentum_step", 0x90c7f2b308b364f4},
    {"momentum_rows", 0x1a7b04b4571e2741},
    {"powers", 0x7ab0e0bc3fb087c2},
    {"arrange_signs", 0x4f2828685721b968},
    {"combine_signs", 0xc0575717196d060b},
    {"dot_signs", 0x5a3fd93bb9e346de},
    {"folded_sign_bits", 0xfd98ee72cc924aa0},
    {"measure_sign_sums", 0x3e2c5c0a252e05ae},
    {"sign_bits", 0x0ab39817d7fe0a28},
    {"hamming_many", 0x85d21af955acadb6},
    {"first_within", 0xe577444eca77d0f1},
    {"random_numbers", 0xea4a5e01c9432081},
    {"exp_and_log", 0x0e757f8d464895a2},
    {"ngram_encoder", 0x2bcbf750ec78d6b2},
    {"retrieval", 0x2ba63831c25ede44},
    {"lora_steps", 0x920cd2366d3e5f52},
    {"lora_sums", 0x952636bcf7dcbdad},
    {"fisher_and_ewc", 0xaa82270f93958547},
    {"feedback_steps", 0x03c1fa15106ea974},
    {"betting_evidence", 0xdee48d8689e0e04d},
    {"spherical_kmeans", 0xff1f26dc457ac311},
    {"pattern_bank", 0x731753d6c90c5241},
    {"contrastive_memory", 0xe4a2e885888c463c},
    {"associations", 0x7316688809ac925c},
    {"listwise_weights", 0x76c5bd9ecdd63f9a},
    {"prioritized_replay", 0xe4fc3749addad183},
    {"v1_64", 0xc64fd507d94b7297},
    {"v2_64", 0x451a2f6a1d5c9e93},
    {"v3_64", 0x3514a58253724621},
    {"v1_1536", 0x1f529ac5153f075c},
    {"v2_1536", 0x16a719939ad46d15},
    {"v3_1536", 0x21400c0d42303779},
    {"v3_random_gradient", 0xae1a3de4a15a0862},
    {"v3_shuffled", 0x5f84fb5419f2bf63},
};

} // namespace ruvllm::golden
