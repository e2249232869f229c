// Amounts and assets as people meet them: `up` with assets of its own, and the commands that speak to it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "e2e/program.h"
#include "e2e/shell.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

class Amounts : public testing::Test {
protected:
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(dir_.path() / name, std::ios::binary) << text;
        return (dir_.path() / name).string();
    }

    TempDir dir_;
};

TEST_F(Amounts, OfOnesOwnAssetsAreKeptLikeThoseOfCurrencies) {
    const std::string file = write("assets", "# points and bitcoin\nPTS 0\nXBT 8\n");
    UpProcess up(dir_.path() / "data", 0, "127.0.0.1", {"--assets-file", file});
    const auto run = [&](const std::string& script) {
        Shelled ended = shell(dir_.path(), script, up.url());
        EXPECT_EQ(ended.code, 0) << script << ended.err;
        return ended.out;
    };
    EXPECT_THAT(ApiClient(up.port()).get("/v1/assets").text(), HasSubstr(R"({"code":"PTS","exponent":0})"));
    for (const char* name : {"alice", "bob"})
        run(fmt::format("$L accounts create --currency XBT --reference {}", name));
    run("$L tx post --account alice --type CREDIT --amount 9999999.00000001 --currency XBT");
    EXPECT_THAT(run("$L tx transfer --from alice --to bob --amount 0.5 --currency XBT"),
                ContainsRegex("\nlegs\\[0\\] +0.50000000 XBT from "));
    EXPECT_THAT(run("$L accounts show alice"), ContainsRegex("\nbalance +9,999,998.50000001 XBT\n"));
    EXPECT_THAT(run("$L holds capture --amount 0.25 "
                    "$($L holds create --account bob --amount 0.5 --currency XBT -o json | grep -o '[-0-9a-f]\\{36\\}' "
                    "| head -n 1)"),
                ContainsRegex("\namount +0.25000000 XBT\n"))
        << "the currency is the hold's";
    EXPECT_THAT(run("$L holds list -o wide"),
                ContainsRegex("0.50000000 XBT +CAPTURED +0.25000000 XBT +0.25000000 XBT"));
    run("$L accounts create --currency PTS --reference carol");
    const Shelled refused = shell(dir_.path(), "$L accounts create --currency ABC", up.url());
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, HasSubstr("currency must be the code of an asset"));
    EXPECT_EQ(shell(dir_.path(), "$L tx post --account carol --type CREDIT --amount 1.5 --currency PTS", up.url()).err,
              "ledgerline: --amount must be an amount without decimals: PTS has none, not '1.5'\n");
    expect_clean(up, dir_.path() / "data");
}

TEST_F(Amounts, AreImportedAsTheyAreWritten) {
    const std::string assets = write("assets", "PTS 0\nXBT 8\n");
    UpProcess up(dir_.path() / "data", 0, "127.0.0.1", {"--assets-file", assets});
    write("in.csv",
          "reference,from,to,amount,currency,note\n"
          "r1,external,alice,0.00000002,XBT,\nr2,alice,bob,0.00000001,XBT,rent\nr3,external,carol,7,PTS,\n"
          "r4,bob,alice,0.5,XBT,more than there is\n");
    const Shelled first = shell(dir_.path(), "$L import in.csv", up.url());
    EXPECT_EQ(first.code, 0) << first.err;
    EXPECT_THAT(first.out, ContainsRegex("processed +3\nrefused: insufficient_balance +1\n"));
    EXPECT_THAT(first.out, HasSubstr("4 of 4 rows settled"));
    const Shelled again = shell(dir_.path(), "$L import - < in.csv", up.url());
    EXPECT_THAT(again.out, HasSubstr("4 of them replayed"));
    const std::string accounts = shell(dir_.path(), "$L accounts list -o wide", up.url()).out;
    for (const auto* line :
         {"carol +ACTIVE +7 PTS ", "bob +ACTIVE +0.00000001 XBT ", "alice +ACTIVE +0.00000001 XBT "}) {
        EXPECT_THAT(accounts, ContainsRegex(line));
    }
    EXPECT_EQ(shell(dir_.path(), "$L accounts show bob -o json | grep -o '\"balance_cents\":1,'", up.url()).code, 0);

    write("bad.csv", "reference,from,to,amount,currency\nr9,alice,carol,1.5,PTS\nr10,external,alice,1,ABC\n");
    const Shelled refused = shell(dir_.path(), "$L import bad.csv", up.url());
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("bad.csv:2: column 'amount' must be an amount without decimals: PTS has none"));
    EXPECT_THAT(refused.err, HasSubstr("bad.csv:3: column 'currency' must be the code of an asset"));
    EXPECT_EQ(shell(dir_.path(), "$L import bad.csv", "http://127.0.0.1:1").code, 3) << "it cannot be checked";
    expect_clean(up, dir_.path() / "data");
}

TEST_F(Amounts, AFileOfAssetsThatCannotBeUsedEndsTheStart) {
    const std::string data = (dir_.path() / "data").string();
    const auto start = [&](const std::string& file) {
        const Shelled ended =
            shell(dir_.path(), fmt::format("$L up --data-dir {} --listen 127.0.0.1:0 --assets-file {}", data, file));
        EXPECT_EQ(ended.code, 2) << ended.err;
        EXPECT_FALSE(std::filesystem::exists(data)) << file;
        return ended.err;
    };
    const std::string iso = write("iso", "PTS 0\n\nEUR 3\n");
    EXPECT_THAT(start(iso),
                HasSubstr("--assets-file " + iso + ": line 3: EUR is a currency of ISO 4217, with the exponent 2"));
    EXPECT_THAT(start(write("exponent", "PTS\n")),
                HasSubstr(": line 1: the exponent of PTS must be a whole number from 0 to 12, not ''"));
    EXPECT_THAT(start(write("comment", "# none\n")), HasSubstr("names no asset"));
    EXPECT_THAT(start("missing"), HasSubstr("--assets-file missing: cannot be read: No such file or directory"));
    const Shelled api =
        shell(dir_.path(), "LEDGERLINE_ASSETS_FILE=missing $L api --database-url x --listen 127.0.0.1:0");
    EXPECT_EQ(api.code, 2);
    EXPECT_THAT(api.err, HasSubstr("--assets-file missing: "));
}

}  // namespace
}  // namespace ledgerline::test
