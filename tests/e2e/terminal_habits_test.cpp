// The program in the shells and on the terminals of people: completion, the manual page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/shell.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;

constexpr const char* kPath = "mkdir -p bin && ln -sf $L bin/ledgerline && export PATH=$PWD/bin:$PATH HOME=$PWD\n";

class TerminalHabits : public testing::Test {
protected:
    Shelled sh(const std::string& script) const { return shell(dir_.path(), kPath + script); }

    TempDir dir_;
};

TEST_F(TerminalHabits, BashCompletes) {
    const Shelled completed = sh(R"sh(
        eval "$(ledgerline completion bash)"
        touch movements.csv
        compopt() { :; }
        ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ledgerline; echo "${COMPREPLY[*]}"; }
        ask ledgerline ac
        ask ledgerline tx list --status PROC
        ask ledgerline import mov
    )sh");
    EXPECT_EQ(completed.out, "accounts\nPROCESSING PROCESSED\nmovements.csv\n") << completed.err;
}

TEST_F(TerminalHabits, FishCompletes) {
    const Shelled completed = sh(R"sh(fish --no-config -c '
        ledgerline completion fish | source
        touch movements.csv
        complete -C "ledgerline ac"
        complete -C "ledgerline import mov"')sh");
    EXPECT_EQ(completed.out,
              "accounts\tList, show, create and change accounts; print statements and changes\nmovements.csv\n")
        << completed.err;
}

// zsh's own functions, which need a terminal, are replaced.
TEST_F(TerminalHabits, ZshCompletes) {
    const Shelled completed = sh(R"sh(ledgerline completion zsh > _ledgerline
        zsh -f -c '
        compdef() { print compdef $@ }
        _describe() { print -l $found }
        _files() { print files $@ }
        source ./_ledgerline
        ask() { words=($@); CURRENT=$#words; _ledgerline }
        ask ledgerline trial-b
        ask ledgerline database-url --data-dir d')sh");
    EXPECT_EQ(completed.out,
              "compdef _ledgerline ledgerline\n"
              "trial-balance:Sum up all accounts by currency\nfiles -/\n")
        << completed.err;
}

TEST_F(TerminalHabits, TheManualPageHasNoFaults) {
    const Shelled read = sh("ledgerline man | groff -man -ww -Tutf8 -P-cbou");
    EXPECT_EQ(read.code, 0);
    EXPECT_EQ(read.err, "");
    EXPECT_THAT(read.out, HasSubstr("ledgerline holds create --account alice --amount 12.50"));
}

}  // namespace
}  // namespace ledgerline::test
