#pragma once

#include <torch/types.h>

#include <cstdint>

namespace orograph::data {

// Training-time augmentation of He et al. 2016, sec. 4.2.
struct Augmentation {
    int crop = 4;      // zeros (of the normalised image) on each side before a random crop back to the image's size; 0: none
    bool flip = true;  // horizontal flip with probability 1/2
};

// images [B, C, H, W] float32 -> a new tensor of that shape and memory format. Image k of the batch draws from counter (seed, epoch,
// sample_index[k]) only, so that a resumed run draws the same. sample_index: [B] int64.
at::Tensor augment(const at::Tensor& images, const Augmentation& augmentation, std::uint64_t seed, std::int64_t epoch,
                   const at::Tensor& sample_index);

}  // namespace orograph::data
