#include "history.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/text.hpp"

#include <charconv>

namespace orograph::train {

namespace {

constexpr std::string_view header = "epoch,lr,train_loss,train_acc,test_loss,test_acc";

std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view piece = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return piece;
}

template <class Number>
Number take_number(std::string_view& line) {
    const std::string_view piece = take_until(line, ',');
    Number value{};
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), value);
    OROGRAPH_VALIDATE(error == std::errc() && end == piece.data() + piece.size(), ExitCode::data, "a history holds \"", piece,
                      "\" where a number belongs");
    return value;
}

}  // namespace

std::string to_csv(const std::vector<EpochRecord>& history) {
    std::string text = cat(header, "\n");
    for (const EpochRecord& record : history) {
        text += cat(record.epoch, ",", shortest(record.lr), ",", shortest(record.train_loss), ",", shortest(record.train_acc), ",",
                    shortest(record.test_loss), ",", shortest(record.test_acc), "\n");
    }
    return text;
}

std::vector<EpochRecord> history_from_csv(std::string_view text) {
    OROGRAPH_VALIDATE(take_until(text, '\n') == header, ExitCode::data, "a history does not start with \"", header, "\"");
    std::vector<EpochRecord> history;
    while (!text.empty()) {
        std::string_view line = take_until(text, '\n');
        EpochRecord& record = history.emplace_back();
        record.epoch = take_number<int>(line);
        for (double* value : {&record.lr, &record.train_loss, &record.train_acc, &record.test_loss, &record.test_acc}) {
            *value = take_number<double>(line);
        }
    }
    return history;
}

}  // namespace orograph::train
