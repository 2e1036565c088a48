#include "orograph/core/openmp_variables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace orograph {
namespace {

// What this program prints when it is started again with these variables alone: those set aside, a bar, and those that are left.
std::string printed_with(std::vector<std::string> variables) {
    auto program = std::filesystem::read_symlink("/proc/self/exe").string();
    std::string word = "print";
    std::array<char*, 3> arguments{program.data(), word.data(), nullptr};
    std::vector<char*> environment;
    for (auto& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    int ends[2];
    if (pipe(ends) != 0) return "no pipe";
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execve(program.c_str(), arguments.data(), environment.data());
        _exit(99);
    }
    close(ends[1]);
    std::string text;
    for (char c; read(ends[0], &c, 1) == 1;) text += c;
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : "it failed";
}

void print() {
    for (const auto& variable : set_aside_openmp_variables()) std::cout << variable << " ";
    std::cout << "|";
    for (char** variable = environ; *variable; ++variable) std::cout << " " << *variable;
}

TEST(OpenmpVariables, AreTakenOutBeforeMain) {
    EXPECT_EQ(printed_with({"FIRST=1", "OMP_PROC_BIND=close", "OMP_PLACES={0}", "OMP_NUM_THREADS=1", "GOMP_CPU_AFFINITY=0-1",
                            "KMP_AFFINITY=compact", "KMP_HW_SUBSET=1c", "OMP_PROC_BINDING=other", "OMP_THREAD_LIMIT=1", "OMP_DYNAMIC=true",
                            "OMP_PROC_BIND_ALL=true", "LAST="}),
              "OMP_PROC_BIND=close OMP_PLACES={0} GOMP_CPU_AFFINITY=0-1 KMP_AFFINITY=compact KMP_HW_SUBSET=1c OMP_THREAD_LIMIT=1 "
              "OMP_DYNAMIC=true OMP_PROC_BIND_ALL=true | FIRST=1 OMP_NUM_THREADS=1 OMP_PROC_BINDING=other LAST=");
}

TEST(OpenmpVariables, LeaveOtherEnvironmentsAlone) {
    EXPECT_EQ(printed_with({}), "|");
    EXPECT_EQ(printed_with({"OMP_PROC_BIND=", "OMP", "A=B"}), "OMP_PROC_BIND= | OMP A=B");
    EXPECT_EQ(printed_with({"A=B"}), "| A=B");
}

// There is room for as many as anybody sets; what is beyond is left.
TEST(OpenmpVariables, TakeNoMoreThanThereIsRoomFor) {
    std::string expected_gone, expected_left = "|";
    std::vector<std::string> variables;
    for (int i = 0; i < 40; ++i) {
        variables.push_back("OMP_PLACES_" + std::to_string(i) + "=x");
        (i < 32 ? expected_gone : expected_left) += (i < 32 ? variables.back() + " " : " " + variables.back());
    }
    EXPECT_EQ(printed_with(variables), expected_gone + expected_left);
}

}  // namespace
}  // namespace orograph

int main(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "print") {
        orograph::print();
        return 0;
    }
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
