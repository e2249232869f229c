// The program in the shells and on the terminals of people: completion, the manual page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "e2e/program.h"
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

// A row that was there, then one that comes while it is followed; the list ends with its reader.
TEST_F(TerminalHabits, AListIsFollowed) {
    const TempDir data;
    UpProcess up(data.path());
    const Shelled followed = shell(dir_.path(), std::string(kPath) + R"sh(
        post() { ledgerline tx transfer --from external --to alice --amount 1 --currency EUR --key $1 -o json; }
        ledgerline accounts create --currency EUR --reference alice >/dev/null
        post k1 >/dev/null
        ledgerline tx list -f -o csv | {
            for line in 1 2; do IFS= read -r row; done
            echo "${row:0:36}"
            post k2 | cut -d'"' -f4
            IFS= read -r row
            echo "${row:0:36}"
            post k3 >/dev/null
        })sh",
                                   up.url());
    std::istringstream lines(followed.out);
    std::string first, posted, came;
    lines >> first >> posted >> came;
    EXPECT_EQ(first.size(), 36u) << followed.out << followed.err;
    EXPECT_NE(first, posted);
    EXPECT_EQ(posted, came);
    EXPECT_EQ(followed.err, "");
    EXPECT_THAT(sh("ledgerline tx list -f --status FAILED").err,
                HasSubstr("--follow and --status cannot be combined: a transaction comes to a status at any time; "
                          "'ledgerline events -f"));
}

// And gives the terminal back as it was.
TEST_F(TerminalHabits, QEndsTop) {
    const Shelled watched = on_terminal(
        dir_.path(), "$L top --url 127.0.0.1:1 --interval 200ms; echo code $?; stty -a | grep -o '[- ]icanon'", "",
        "does not answer", "q");
    EXPECT_THAT(watched.out, HasSubstr("press q to stop"));
    EXPECT_THAT(watched.out, HasSubstr("code 0\r\n icanon"));
}

}  // namespace
}  // namespace ledgerline::test
