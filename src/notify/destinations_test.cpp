#include "notify/destinations.h"

#include <gtest/gtest.h>

#include "base/result.h"

namespace ledgerline::notify {
namespace {

bool allows(const Destinations& destinations, const char* address, bool tls = true) {
    const auto parsed = http::parse_address(address);
    EXPECT_TRUE(parsed) << address;
    return destinations.allows(*parsed, tls);
}

TEST(Destinations, ArePublicByHttpsAndNothingElse) {
    const Destinations strict;
    for (const char* address :
         {"93.184.216.34", "1.1.1.1", "::ffff:93.184.216.34", "2606:4700::1111", "2a00:1450::1"}) {
        EXPECT_TRUE(allows(strict, address)) << address;
        EXPECT_FALSE(allows(strict, address, false)) << address;
    }
    for (const char* address : {"0.0.0.0",
                                "0.1.2.3",
                                "10.0.0.1",
                                "100.64.0.1",
                                "100.100.100.200",
                                "127.0.0.1",
                                "127.255.255.254",
                                "169.254.169.254",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.0.0.192",
                                "192.168.1.1",
                                "198.18.0.1",
                                "203.0.113.9",
                                "224.0.0.1",
                                "255.255.255.255",
                                "168.63.129.16",
                                "::",
                                "::1",
                                "::ffff:10.0.0.1",
                                "::ffff:169.254.169.254",
                                "::127.0.0.1",
                                "64:ff9b::7f00:1",
                                "64:ff9b::a9fe:a9fe",
                                "64:ff9b:1::1",
                                "100::1",
                                "2001::1",
                                "2001:db8::1",
                                "2002:7f00:1::",
                                "2002:a9fe:a9fe::1",
                                "3fff::1",
                                "5f00::1",
                                "fc00::1",
                                "fd00:ec2::254",
                                "fe80::1",
                                "fec0::1",
                                "ff02::1"})
        EXPECT_FALSE(allows(strict, address)) << address;
}

TEST(Destinations, AllowedNetworksNeedNoTls) {
    const Destinations open({*http::Network::parse("10.0.0.0/8"), *http::Network::parse("fd00::/8")});
    for (const char* address : {"10.1.2.3", "::ffff:10.1.2.3", "fd00:ec2::254"})
        EXPECT_TRUE(allows(open, address, false)) << address;
    for (const char* address : {"11.0.0.1", "127.0.0.1", "fe80::1"})
        EXPECT_FALSE(allows(open, address, false)) << address;
}

TEST(Destinations, RefuseUrlsThatCannotBeMeant) {
    const Destinations strict;
    for (const char* url : {"https://shop.example/hooks", "https://shop.example:8443/a?b=c", "HTTPS://1.1.1.1/",
                            "https://[2606:4700::1111]/"})
        EXPECT_EQ(strict.broken_rule(url), "") << url;
    for (const char* url : {"",
                            "shop.example",
                            "http://shop.example/",
                            "ftp://shop.example/",
                            "file:///etc/passwd",
                            "gopher://a/",
                            "https://",
                            "https://user@shop.example/",
                            "https://user:pw@shop.example/",
                            "https://shop.example/#x",
                            "https://shop.example/a b",
                            "https://shop.example/\n",
                            "https://127.0.0.1/",
                            "https://localhost/",
                            "https://a.localhost/",
                            "https://10.0.0.1/",
                            "https://2130706433/",
                            "https://0x7f000001/",
                            "https://017700000001/",
                            "https://127.1/",
                            "https://0/",
                            "https://[::1]/",
                            "https://[::ffff:127.0.0.1]/",
                            "https://[::ffff:7f00:1]/",
                            "https://[64:ff9b::7f00:1]/",
                            "https://[fe80::1]/",
                            "https://[fd00:ec2::254]/",
                            "https://169.254.169.254/latest"})
        EXPECT_NE(strict.broken_rule(url), "") << url;
    EXPECT_NE(strict.broken_rule("https://a.example/" + std::string(2'000, 'x')), "");
    const Destinations open({*http::Network::parse("127.0.0.0/8")});
    for (const char* url : {"http://127.0.0.1:9000/", "http://localhost/", "http://inner.example/"})
        EXPECT_EQ(open.broken_rule(url), "") << url;
    for (const char* url : {"http://10.0.0.1/", "https://10.0.0.1/", "http://1.1.1.1/"})
        EXPECT_NE(open.broken_rule(url), "") << url;
}

}  // namespace
}  // namespace ledgerline::notify
