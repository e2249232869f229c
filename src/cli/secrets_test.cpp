#include "cli/secrets.h"

#include <gtest/gtest.h>

#include <vector>

namespace ledgerline::cli {
namespace {

TEST(Secrets, AreOverwrittenInEverySpellingThatLibpqTakes) {
    for (const char* spelling : {"postgresql://user:hush@host/db",
                                 "postgres://user:hush@host:5432,other:5432/db?sslmode=require",
                                 "postgresql://user:hu%73h@host/db",
                                 "postgresql://:hush@/db",
                                 "postgresql://user:x:hush@host",
                                 "postgresql://user:x@hush@host/db",
                                 "postgresql://user:x/hush@host/db",
                                 "postgresql://user:x?hush@host/db",
                                 "postgresql://host/db?password=hush",
                                 "postgresql://host/db?user=u&password=hush&sslmode=require",
                                 "postgresql://host/db?sslpassword=hush",
                                 "postgresql://host/db?pass%77ord=hush",
                                 "postgresql://host/db?%70assword=hush",
                                 "postgresql:///db?host=/run&password=hush",
                                 "host=h password=hush dbname=d",
                                 "password = hush",
                                 "password\t=\n hush",
                                 "password='hush'",
                                 "password = 'a \\'hush' host=h",
                                 "password=a\\ hush",
                                 "host=h sslpassword='x hush'",
                                 "PASSWORD=hush"}) {
        for (const std::string prefix : {"", "--database-url="}) {
            const std::string hidden = without_secrets(prefix + spelling);
            EXPECT_EQ(hidden.find("hush"), std::string::npos) << hidden;
            EXPECT_EQ(hidden.find("hu%73h"), std::string::npos) << hidden;
            EXPECT_EQ(hidden.size(), prefix.size() + std::string(spelling).size());
        }
    }
}

TEST(Secrets, OfOtherKindsAreOverwritten) {
    for (const char* spelling :
         {"http://user:hush@host:8080", "http://hush@host", "user:hush@host:8080", "sasl.password=hush",
          "ssl.key.password = hush", "ssl.key.pem=hush", "sasl.oauthbearer.client.secret=hush",
          "sasl.oauthbearer.config=principal=x hush", "--api-key=hush", "X-API-Key: hush", "Authorization: Bearer hush",
          "--token=hush", "OTEL_EXPORTER_OTLP_HEADERS=authorization=hush"})
        EXPECT_EQ(without_secrets(spelling).find("hush"), std::string::npos) << without_secrets(spelling);
}

TEST(Secrets, LeaveTheRestReadable) {
    EXPECT_EQ(without_secrets("postgresql://ledgerline:hush-hush@127.0.0.1:1/ledgerline"),
              "postgresql://ledgerline:xxxxxxxxx@127.0.0.1:1/ledgerline");
    for (const char* text : {"postgresql://user@host:5432/db?sslmode=require", "http://127.0.0.1:8080", "[::1]:8080",
                             "--api-keys-file=/etc/keys", "--kafka-config-file", "payments.csv", "host=h passfile=/x",
                             "kafka-1:9092,kafka-2:9092", "--wait=10s", ""})
        EXPECT_EQ(without_secrets(text), text);
}

TEST(Secrets, AreOverwrittenInPlace) {
    std::vector<std::string> texts = {
        "ledgerline",      "--api-key", "hush",       "--database-url", "postgresql://u:hush@h/d",
        "--api-keys-file", "hush.txt",  "--password", "-hush"};
    std::vector<char*> arguments;
    for (std::string& text : texts) arguments.push_back(text.data());
    hide_secrets(arguments);
    EXPECT_EQ(texts,
              (std::vector<std::string>{"ledgerline", "--api-key", "xxxx", "--database-url", "postgresql://u:xxxx@h/d",
                                        "--api-keys-file", "hush.txt", "--password", "xxxxx"}));
}

TEST(DatabaseUrl, ThatLibpqWouldTakeOtherwiseIsRefused) {
    EXPECT_NE(broken_database_url_rule("postgresql://u:p@ss@host/db"), "");
    EXPECT_NE(broken_database_url_rule("postgresql://u:p/ss@host/db"), "");
    for (const char* good :
         {"postgresql://u:p%40ss@host/db", "postgresql://host:5432/db?user=a@b", "host=h password=a@b@c",
          "postgresql://u:p?ss@host/db", "postgresql:///db", "postgresql://h1:1,h2:2/db"})
        EXPECT_EQ(broken_database_url_rule(good), "") << good;
}

}  // namespace
}  // namespace ledgerline::cli
