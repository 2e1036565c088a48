#pragma once

#include "orograph/train/trainer.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace orograph::train {

// "epoch,lr,train_loss,train_acc,test_loss,test_acc" and one line an epoch, in shortest decimals that read back exactly.
std::string to_csv(const std::vector<EpochRecord>& history);

// The reverse. Error(data) where `text` is not what to_csv writes.
std::vector<EpochRecord> history_from_csv(std::string_view text);

}  // namespace orograph::train
