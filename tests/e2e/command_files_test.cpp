// What commands do to files, pipes, terminals and the process table: the program itself, run by a shell.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <set>

#include "cli/import/scripted_ledger.h"
#include "e2e/program.h"
#include "e2e/shell.h"
#include "lab/answering_server.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kHeader = "reference,account,type,amount_cents,currency\n";
constexpr const char* kGood = "r1,a,CREDIT,5,EUR\nr2,b,CREDIT,6,EUR\nr3,a,DEBIT,2,EUR\n";
constexpr const char* kBad = "r4,a,CREDIT,none,EUR\nr5,a,OTHER,1,EUR\n";
constexpr const char* kId = "01a20874-e2ca-767f-bd91-75834eb53280";

class CommandFiles : public testing::Test {
protected:
    CommandFiles() { write("in.csv", std::string(kHeader) + kGood + kBad); }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(dir_.path() / name, std::ios::binary) << text;
    }
    std::string read(const std::string& name) const {
        std::ifstream file(dir_.path() / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    mode_t mode(const std::string& name) const {
        struct stat status{};
        return stat((dir_.path() / name).c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
    }
    std::set<std::string> names() const {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(dir_.path()))
            names.insert(entry.path().filename().string());
        return names;
    }
    Shelled sh(const std::string& script) const { return shell(dir_.path(), script, ledger_.url()); }
    // Refused before anything was done: in.csv is what it was, nothing was sent, nothing else lies there.
    void expect_untouched(const std::string& script, const std::string& said) {
        const std::set<std::string> before = names();
        const Shelled refused = sh(script);
        EXPECT_EQ(refused.code, 2) << script << refused.err;
        EXPECT_THAT(refused.err, HasSubstr(said)) << script;
        EXPECT_EQ(read("in.csv"), std::string(kHeader) + kGood + kBad) << script;
        EXPECT_TRUE(ledger_.balances().empty()) << script;
        EXPECT_EQ(names(), before) << script;
    }

    TempDir dir_;
    mutable cli::ScriptedLedger ledger_;
};

// Whatever the input is called, and whatever way it comes.
TEST_F(CommandFiles, RejectsAreNeverWrittenOverTheInput) {
    ASSERT_EQ(sh("mkdir sub && ln -s in.csv symlink && ln in.csv hardlink && ln -s ../in.csv sub/deep").code, 0);
    for (const char* name : {"in.csv", "./in.csv", "sub/../in.csv", "$PWD/in.csv", "symlink", "hardlink", "sub/deep"})
        for (const char* input :
             {"in.csv", "./in.csv", "hardlink", "symlink", "- <in.csv", "/dev/stdin <in.csv", "/dev/fd/9 9<in.csv"})
            for (const char* overwrite : {"", "--overwrite-rejects"})
                expect_untouched(fmt::format("$L import --skip-invalid --rejects {} {} {}", name, overwrite, input),
                                 "this is the file being imported");
}

TEST_F(CommandFiles, RejectsGoWhereAFileCanBe) {
    ASSERT_EQ(sh("mkdir sub && mkfifo pipe && ln -s /dev/full device && ln -s nowhere dangling").code, 0);
    for (const char* name :
         {"sub", "sub/", ".", "/dev/null", "/dev/full", "/dev/stdout", "pipe", "device", "no/such/dir"})
        expect_untouched(fmt::format("$L import in.csv --skip-invalid --rejects {}", name), "cannot write ");
    expect_untouched("$L import in.csv --skip-invalid --rejects dangling", "it is not a regular file");
    expect_untouched("$L import in.csv --rejects x.csv", "--rejects and --overwrite-rejects require --skip-invalid");
    for (const char* input : {"- <in.csv", "/dev/stdin <in.csv", "<(cat in.csv)", "- < <(cat in.csv)"})
        expect_untouched(fmt::format("$L import --skip-invalid {}", input), "needs --rejects FILE");
}

TEST_F(CommandFiles, AnExistingFileOfRejectsIsKeptUnlessItIsToBeReplaced) {
    write("bad.csv", "precious");
    expect_untouched("$L import in.csv --skip-invalid --rejects bad.csv", "bad.csv: it already exists");
    EXPECT_EQ(read("bad.csv"), "precious");
    EXPECT_EQ(sh("$L import in.csv --skip-invalid --rejects bad.csv --overwrite-rejects").code, 0);
    EXPECT_EQ(read("bad.csv"), std::string(kHeader) + kBad);
    // The same command goes on after an interrupt: what it wrote itself is not in its way.
    EXPECT_EQ(sh("$L import in.csv --skip-invalid --rejects bad.csv").code, 0);
    EXPECT_EQ(sh("$L import in.csv --skip-invalid").code, 0);
    EXPECT_EQ(read("in.csv.rejected.csv"), std::string(kHeader) + kBad);
    EXPECT_EQ(names(), (std::set<std::string>{"bad.csv", "in.csv", "in.csv.rejected.csv"}))
        << "no temporary file stays";
}

TEST_F(CommandFiles, RejectsAreReadByWhomTheInputIs) {
    for (const auto& [input, umask, expected] :
         {std::tuple{"600", "022", mode_t{0600}}, std::tuple{"644", "022", mode_t{0644}},
          std::tuple{"666", "077", mode_t{0600}}, std::tuple{"755", "022", mode_t{0644}}}) {
        EXPECT_EQ(sh(fmt::format(
                         "rm -f bad.csv; chmod {} in.csv; umask {}; $L import in.csv --skip-invalid --rejects bad.csv",
                         input, umask))
                      .code,
                  0);
        EXPECT_EQ(mode("bad.csv"), expected) << input << ' ' << umask;
    }
    EXPECT_EQ(sh("rm bad.csv; umask 0; cat in.csv | $L import - --skip-invalid --rejects bad.csv").code, 0);
    EXPECT_EQ(mode("bad.csv"), mode_t{0600}) << "of what came through a pipe nobody knows";
}

TEST_F(CommandFiles, RejectsAreWholeOrNotThere) {
    // As a full disk: no file of this process may be longer than 8 KiB.
    std::string rows = kHeader;
    for (int i = 0; i < 2000; ++i) rows += fmt::format("r{},a,CREDIT,none,EUR\n", i);
    write("many.csv", rows);
    const Shelled full = sh("ulimit -f 8; trap '' XFSZ; $L import many.csv --skip-invalid --rejects bad.csv");
    EXPECT_EQ(full.code, 3) << full.err;
    EXPECT_THAT(full.err, HasSubstr("cannot write bad.csv: File too large"));
    EXPECT_EQ(names(), (std::set<std::string>{"in.csv", "many.csv"}));
    EXPECT_TRUE(ledger_.balances().empty());
}

TEST_F(CommandFiles, WhatComesThroughAPipeIsImported) {
    write("good.csv", std::string(kHeader) + kGood);
    for (const char* script :
         {"cat good.csv | $L import -", "cat good.csv | $L import /dev/stdin", "$L import - <good.csv",
          "$L import <(cat good.csv)", "mkfifo p; cat good.csv >p & $L import p", "$L import /dev/stdin <good.csv",
          // In parts, and with what was read before left out.
          "(head -n 2 good.csv; tail -n +3 good.csv) | $L import -",
          "(read -r line; $L import -) < <(echo skipped; cat good.csv)",
          "(echo skipped; cat good.csv) >both.csv; { read -r line; $L import -; } <both.csv"}) {
        const Shelled done = sh(std::string("export LEDGERLINE_OUTPUT=json; ") + script);
        EXPECT_EQ(done.code, 0) << script << done.err;
        EXPECT_THAT(done.out, HasSubstr(R"("complete":true,"rows":3)")) << script;
    }
    EXPECT_EQ(ledger_.balances(), (std::map<std::string, std::int64_t>{{"a", 3}, {"b", 6}}));
    const Shelled split = sh("cat in.csv | $L import - --skip-invalid --rejects bad.csv");
    EXPECT_EQ(split.code, 0) << split.err;
    EXPECT_EQ(read("bad.csv"), std::string(kHeader) + kBad);
}

TEST_F(CommandFiles, InputThatCannotBeReadIsSaidSo) {
    ASSERT_EQ(sh("mkdir sub && touch empty.csv").code, 0);
    struct Case {
        const char* script;
        int code;
        const char* said;
    };
    for (const Case& each :
         {Case{"$L import sub", 2, "cannot read sub: it is a directory"},
          Case{"$L import missing.csv", 2, "cannot read missing.csv: No such file or directory"},
          Case{"$L import ''", 2, "FILE must not be empty"}, Case{"$L import /dev/zero", 2, "it is a device"},
          Case{"$L import empty.csv", 2, "empty.csv: the file is empty"}, Case{"$L import - </dev/null", 2, "stdin"},
          Case{": | $L import -", 2, "the file is empty"}, Case{"$L import - <&-", 2, "cannot read stdin"},
          Case{"cat in.csv | TMPDIR=/no/such/dir $L import -", 3, "to /no/such/dir: No such file"},
          Case{"trap '' XFSZ; ulimit -f 1; yes | head -c 100000 | $L import -", 3,
               "cannot copy the data from stdin"}}) {
        const Shelled refused = sh(each.script);
        EXPECT_EQ(refused.code, each.code) << each.script << refused.err;
        EXPECT_THAT(refused.err, HasSubstr(each.said)) << each.script;
    }
    if (geteuid() != 0) {
        EXPECT_THAT(sh("chmod 0 in.csv; $L import in.csv").err, HasSubstr("in.csv: Permission denied"));
    }
    EXPECT_TRUE(ledger_.balances().empty());
}

TEST_F(CommandFiles, AFileThatChangesWhileItIsReadIsNotImportedFurther) {
    for (const bool shrinks : {false, true}) {
        std::string rows = kHeader;
        for (int i = 0; i < 20'000; ++i) rows += fmt::format("{}-{},a,CREDIT,1,EUR\n", shrinks, i);
        write("big.csv", rows);
        ledger_.on_batch = [&, done = false](int) mutable {
            if (std::exchange(done, true)) return;
            if (shrinks)
                std::filesystem::resize_file(dir_.path() / "big.csv", 300'000);
            else
                std::ofstream(dir_.path() / "big.csv", std::ios::app) << "late,a,CREDIT,1,EUR\n";
        };
        const Shelled changed = sh("$L import big.csv --connections 1 --batch 10");
        EXPECT_EQ(changed.code, 1) << changed.err;
        EXPECT_THAT(changed.err, HasSubstr("cannot read big.csv: it was changed while it was read"));
    }
}

// One answer for all calls.
std::string any_answer() {
    const std::string item = fmt::format(R"("id":"{}","status":"PROCESSED","lane":1,"reference":"x")", kId);
    std::string body = "{" + item + R"(,"count":0,"events":[])";
    for (const char* list : {"accounts", "transactions", "entries", "dead_letters", "lanes"})
        body += fmt::format(R"(,"{}":[{{{}}}])", list, item);
    body += fmt::format(R"(,"results":[{{"status":201,"transaction":{{{}}}}}])", item);
    return http_answer("200 OK", body + "}");
}

class CommandOutput : public testing::Test {
protected:
    CommandOutput() : server_(AnsweringServer::always(any_answer())) {
        std::ofstream(dir_.path() / "one.csv") << kHeader << "r1,a,CREDIT,1,EUR\n";
    }

    // Every command that prints a result, but for the roles.
    std::vector<std::string> commands() const {
        std::vector<std::string> all = {"--help", "--version", "import --help", "sample"};
        const std::string id = kId, database = fmt::format(" --database-url '{}'", database_.url());
        for (const std::string& command :
             {std::string("version"),
              std::string("accounts list"),
              "accounts show " + id,
              std::string("accounts create --currency EUR"),
              "accounts suspend " + id,
              "accounts activate " + id,
              "accounts entries " + id,
              std::string("tx list"),
              "tx show " + id,
              "tx trace " + id,
              "tx post --account " + id + " --type CREDIT --amount-cents 1 --currency EUR --key k",
              std::string("dlq list"),
              "dlq show " + id,
              "dlq replay " + id,
              "dlq discard --yes " + id,
              std::string("dlq replay --all"),
              std::string("dlq discard --all --yes"),
              std::string("lanes"),
              std::string("health"),
              std::string("import one.csv"),
              std::string("top --once --interval 100ms"),
              "verify" + database,
              "migrate status" + database,
              "migrate up" + database})
            for (const char* format : {"table", "json"}) all.push_back(command + " -o " + format);
        return all;
    }
    Shelled sh(const std::string& script) const { return shell(dir_.path(), script, server_.url()); }

    TempDir dir_;
    TestDatabase database_;
    AnsweringServer server_;
};

TEST_F(CommandOutput, ThatCannotBeWrittenIsAnError) {
    for (const std::string& command : commands()) {
        const Shelled full = sh("$L " + command + " >/dev/full");
        EXPECT_EQ(full.code, 3) << command;
        EXPECT_THAT(full.err, HasSubstr("cannot write the result to stdout: No space left on device")) << command;
        const Shelled closed = sh("$L " + command + " >&-");
        EXPECT_EQ(closed.code, 3) << command;
        EXPECT_THAT(closed.err, HasSubstr("cannot write the result to stdout: Bad file descriptor")) << command;
    }
    EXPECT_EQ(sh("$L version 2>/dev/full").code, 0);
    EXPECT_EQ(sh("$L version <&- 2>&-").code, 0);
    EXPECT_EQ(sh("$L database-url --data-dir . >/dev/full").code, 2) << "a command that failed keeps its code";
}

TEST_F(CommandOutput, ThatNobodyReadsOnEndsQuietly) {
    for (const char* command : {"sample --transactions 100000000", "top --interval 100ms -o json"}) {
        const Shelled head = sh(fmt::format("$L {} | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}", command));
        EXPECT_EQ(head.out, "3\n") << command;
        EXPECT_EQ(head.err, "") << command;
    }
    EXPECT_EQ(sh("$L accounts list | head -n 1; echo ${PIPESTATUS[1]}").err, "");
    // Nobody was there at all: that is no reader who has had enough.
    const Shelled none = sh("mkfifo p; exec 8<>p 9>p; exec 8<&-; $L version >&9");
    EXPECT_EQ(none.code, 3);
    EXPECT_THAT(none.err, HasSubstr("cannot write the result to stdout: Broken pipe"));
}

class CommandSecrets : public testing::Test {
protected:
    CommandSecrets() : silent_(AnsweringServer::silence()) { silent_.hold_connections(); }

    static std::string arguments_of(pid_t pid) {
        std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    // What ps shows while the program waits for a server that says nothing.
    std::string shown(const std::vector<std::string>& arguments) {
        Program program(arguments);
        EXPECT_TRUE(silent_.wait_connections(++connections_)) << program.output();
        const std::string shown = arguments_of(program.pid());
        EXPECT_THAT(program.output(), Not(HasSubstr("hush")));
        return shown;
    }

    AnsweringServer silent_;
    int connections_ = 0;
};

TEST_F(CommandSecrets, OfTheDatabaseAreNotInTheProcessTable) {
    const std::string place = fmt::format("127.0.0.1:{}", silent_.port());
    const std::string parts = fmt::format("host=127.0.0.1 port={}", silent_.port());
    for (const std::string& url :
         {fmt::format("postgresql://u:hush@{}/db", place), fmt::format("postgres://u:h%75sh-hush@{}/db", place),
          fmt::format("postgresql://u:x?hush@{}/db", place),
          fmt::format("postgresql://u@{}/db?password=hush&connect_timeout=60", place),
          fmt::format("postgresql://u@{}/db?sslpassword=hush", place),
          fmt::format("postgresql://u@{}/db?pass%77ord=hush", place), parts + " password=hush",
          parts + " password = hush user=u", parts + " password='x hush'", parts + " password = 'it\\'s hush' user=u",
          parts + " password=x\\ hush user=u", "password=hush " + parts, parts + " sslpassword='hush'"})
        for (const std::string command : {"verify", "migrate"}) {
            std::vector<std::string> arguments = {command};
            if (command == "migrate") arguments.push_back("status");
            std::vector<std::string> joined = arguments;
            joined.push_back("--database-url=" + url);
            arguments.insert(arguments.end(), {"--database-url", url});
            EXPECT_THAT(shown(arguments), Not(HasSubstr("hush"))) << url;
            EXPECT_THAT(shown(joined), Not(HasSubstr("hush"))) << url;
        }
    EXPECT_THAT(shown({"verify", "--database-url", fmt::format("postgresql://somebody:hush@{}/db", place)}),
                HasSubstr(fmt::format("postgresql://somebody:xxxx@{}/db", place)));
}

TEST_F(CommandSecrets, OfOtherKindsAreRefusedAndNotRepeated) {
    TempDir dir;
    for (const char* script :
         {"$L lanes --url http://u:hush@127.0.0.1:1", "$L lanes --api-key hush", "$L lanes --api-key=hush",
          "$L top --url http://hush@127.0.0.1:1",
          "$L worker --database-url x --kafka-brokers k:1 --kafka-config sasl.password=hush",
          "$L worker --database-url x --kafka-brokers k:1 --kafka-config 'ssl.key.pem = hush'",
          "$L worker --database-url x --kafka-brokers u:hush@k:1", "$L verify postgresql://u:hush@h/d",
          "$L verify --database-url postgresql://u:p@hush@h/d", "$L verify --password hush",
          "LEDGERLINE_API_KEY=$'hush\\n' $L lanes", "LEDGERLINE_API_KEY=$'hush\\x01' $L lanes",
          "DATABASE_URL=postgresql://u:p/hush@h/d $L verify", "LEDGERLINE_URL=http://u:hush@h $L lanes"}) {
        const Shelled refused = shell(dir.path(), script);
        EXPECT_EQ(refused.code, 2) << script;
        EXPECT_THAT(refused.out + refused.err, Not(HasSubstr("hush"))) << script;
        EXPECT_NE(refused.err, "") << script;
    }
}

TEST_F(CommandSecrets, OfAFileThatCannotBeUsedEndARoleBeforeAnythingIsDone) {
    TempDir dir;
    for (const char* script :
         {"$L up --data-dir data --listen 127.0.0.1:0 --api-keys-file missing",
          "umask 077; touch empty; $L up --data-dir data --listen 127.0.0.1:0 --api-keys-file empty",
          "umask 077; echo '# none' >comment; $L up --data-dir data --listen 127.0.0.1:0 --api-keys-file comment",
          "$L up --data-dir data --listen 127.0.0.1:0 --api-keys-file .",
          "LEDGERLINE_API_KEYS_FILE=missing $L api --database-url x --listen 127.0.0.1:0"}) {
        const Shelled refused = shell(dir.path(), script);
        EXPECT_EQ(refused.code, 2) << script << refused.err;
        EXPECT_THAT(refused.err, HasSubstr("--api-keys-file ")) << script;
        EXPECT_FALSE(std::filesystem::exists(dir.path() / "data")) << script;
    }
}

class Questions : public testing::Test {
protected:
    Questions()
        : server_([this](int socket, const std::string& request) {
              if (request.starts_with("POST")) ++decisions_;
              send_all(
                  socket,
                  http_answer(
                      "200 OK",
                      fmt::format(
                          R"({{"id":"{}","count":2,"groups":[{{"count":2}}],"dead_letters":[{{"id":"a"}},{{"id":"b"}}]}})",
                          kId)));
          }) {}
    Shelled ask(const std::string& command, std::string_view typed) {
        return on_terminal(dir_.path(), "$L " + command, server_.url(), "[y/N]", typed);
    }

    TempDir dir_;
    std::atomic<int> decisions_ = 0;
    AnsweringServer server_;
};

TEST_F(Questions, AreAskedBeforeADeadLetterIsGivenUp) {
    for (const char* no : {"n\n", "\n", "yo\n", "\x04"}) {
        const Shelled declined = ask(fmt::format("dlq discard {}", kId), no);
        EXPECT_EQ(declined.code, 1) << declined.out;
        EXPECT_THAT(declined.out, HasSubstr("Nothing was done"));
        EXPECT_THAT(declined.out, HasSubstr(kId));
    }
    EXPECT_EQ(ask("dlq discard --all", "no\n").code, 1);
    EXPECT_EQ(ask("dlq replay --code x", "no\n").code, 1);
    EXPECT_EQ(ask(fmt::format("dlq discard {}", kId), "\x03").code, 130) << "Ctrl-C";
    EXPECT_EQ(ask("dlq discard --all", "\x03").code, 130) << "Ctrl-C";
    EXPECT_EQ(decisions_, 0);
    EXPECT_EQ(ask(fmt::format("dlq discard {} {}", kId, kId), "Yes\n").code, 0);
    EXPECT_EQ(decisions_, 2);
    EXPECT_THAT(ask("dlq discard --all", "y\n").out, HasSubstr("Discarding 2 dead letters"));
    EXPECT_EQ(decisions_, 4);
}

TEST_F(Questions, AreNotAskedWhereNobodyCanAnswer) {
    const Shelled refused = shell(dir_.path(), fmt::format("$L dlq discard {}", kId), server_.url());
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("--yes"));
    const Shelled looked = shell(dir_.path(), "echo y | $L dlq discard --all", server_.url());
    EXPECT_EQ(looked.code, 0);
    EXPECT_THAT(looked.err, HasSubstr("Nothing was done: repeat the command with --yes"));
    EXPECT_EQ(decisions_, 0);
    EXPECT_EQ(shell(dir_.path(), fmt::format("$L dlq discard --yes {}", kId), server_.url()).code, 0);
    EXPECT_EQ(shell(dir_.path(), fmt::format("$L dlq replay {}", kId), server_.url()).code, 0);
    EXPECT_EQ(decisions_, 2);
    EXPECT_EQ(ask(fmt::format("dlq discard -y {}", kId), "").code, 0);
    EXPECT_EQ(decisions_, 3);
}

}  // namespace
}  // namespace ledgerline::test
