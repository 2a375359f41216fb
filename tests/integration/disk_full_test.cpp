// A disk that fills up, told clearly at every stage: making the cluster, starting it, writing to it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "postgres/connection.hpp"
#include "postgres/private_cluster.hpp"

namespace pganalytics::postgres {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DiskFull : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = "/tmp/pga-full-XXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        chmod(folder_.c_str(), 0755);
        auto real = find_server_binaries();
        ASSERT_TRUE(real) << real.error().to_string();
        // The build folder may be closed to the user that root drops to.
        fs::copy_file(FULL_DISK_LIBRARY, folder_ / "full_disk.so");
        fs::permissions(folder_ / "full_disk.so", fs::perms(0755));
        fs::create_directory(folder_ / "bin");
        fs::permissions(folder_ / "bin", fs::perms(0755));
        for (const char* program : {"initdb", "postgres"}) {
            const auto wrapper = folder_ / "bin" / program;
            std::ofstream(wrapper) << "#!/bin/sh\nLD_PRELOAD=" << (folder_ / "full_disk.so").string()
                                   << " PGANALYTICS_TEST_FULL_DISK=" << flag().string() << " exec "
                                   << (*real / program).string() << " \"$@\"\n";
            fs::permissions(wrapper, fs::perms(0755));
        }
        options_.folder = folder_ / "c";
        options_.binaries = folder_ / "bin";
        options_.settings = {{"fsync", "off"}};
    }
    void TearDown() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    [[nodiscard]] fs::path flag() const { return folder_ / "disk-is-full"; }
    void fill() { std::ofstream(flag()) << "full"; }
    void free_space() { fs::remove(flag()); }

    fs::path folder_;
    PrivateClusterOptions options_;
};

TEST_F(DiskFull, IsToldClearlyAtEveryStage) {
    fill();
    const auto unmade = PrivateCluster::start(options_);
    ASSERT_FALSE(unmade);
    EXPECT_EQ(unmade.error().code, base::ErrorCode::retry_later);
    EXPECT_THAT(unmade.error().message,
                HasSubstr("could not be initialised: the disk that holds " + (folder_ / "c").string() + " is full"));

    free_space();
    {
        auto cluster = PrivateCluster::start(options_);
        ASSERT_TRUE(cluster) << cluster.error().to_string();
        ConnectOptions session;
        session.read_only = false;
        auto connection = Connection::open(cluster->conninfo(), session);
        ASSERT_TRUE(connection) << connection.error().to_string();
        ASSERT_TRUE(connection->query("create table kept (line text)"));
        fill();
        const std::string_view insert = "insert into kept select repeat('x', 500) from generate_series(1, 2000)";
        const auto refused = connection->query(insert);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, base::ErrorCode::retry_later);
        EXPECT_THAT(refused.error().message, HasSubstr("is full"));
        free_space();
        const auto accepted = connection->query(insert);
        EXPECT_TRUE(accepted) << accepted.error().to_string();
    }
    fill();
    const auto stopped = PrivateCluster::start(options_);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, base::ErrorCode::retry_later);
    EXPECT_THAT(stopped.error().message, HasSubstr("did not start: the disk that holds"));
    EXPECT_THAT(stopped.error().hint, HasSubstr("Free some space"));

    free_space();
    auto again = PrivateCluster::start(options_);
    ASSERT_TRUE(again) << again.error().to_string();
    auto connection = Connection::open(again->conninfo());
    ASSERT_TRUE(connection);
    const auto rows = connection->query("select count(*) from kept");
    ASSERT_TRUE(rows);
    EXPECT_EQ(rows->text(0, 0), "2000");
}

}  // namespace
}  // namespace pganalytics::postgres
