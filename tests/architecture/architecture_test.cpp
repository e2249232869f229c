// Rules of the house that a compiler does not check: which module imports which, where SQL stands, and that nothing in
// the project depends on the machine of who wrote it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;

const fs::path kProject = PROJECT_DIR;

// What each module may import besides itself. Only app imports app; sql is the generated text of the queries.
const std::map<std::string, std::set<std::string>> kMayImport = {
    {"base", {}},
    {"observe", {"base"}},
    {"pg", {"base", "observe", "sql"}},
    {"http", {"base", "observe"}},
    {"event", {"base"}},
    {"ledger", {"base", "event"}},
    {"api", {"http", "pg", "event", "base", "observe", "sql"}},
    {"bus", {"event", "base", "observe"}},
    {"publisher", {"bus", "pg", "event", "base", "observe", "sql"}},
    {"worker", {"bus", "ledger", "pg", "event", "base", "observe", "sql"}},
    {"cli", {"base", "observe", "pg", "http", "event", "ledger", "api", "bus", "publisher", "worker", "sql"}},
    {"app", {"base", "observe", "pg", "http", "event", "ledger", "api", "bus", "publisher", "worker", "cli", "sql"}},
};

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool is_source(const fs::path& path) { return path.extension() == ".h" || path.extension() == ".cpp"; }

std::vector<fs::path> sources_under(const fs::path& root) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(root))
        if (entry.is_regular_file() && is_source(entry.path())) out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
    std::vector<std::string> out;
    for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
        out.push_back((*match)[1]);
    return out;
}

// The modules that the text includes headers of, and what is included without naming a module ("x.h").
std::vector<std::string> imports_of(const std::string& text) {
    static const std::regex kInclude(R"(#include "([^"/]*)[/"])");
    return matches(text, kInclude);
}

std::string module_of(const fs::path& source) { return (*fs::relative(source, kProject / "src").begin()).string(); }

std::vector<std::string> wrong_imports() {
    std::vector<std::string> wrong;
    for (const fs::path& source : sources_under(kProject / "src")) {
        const std::string module = module_of(source);
        if (!kMayImport.contains(module)) {
            wrong.push_back(module + " is not in the table of modules");
            continue;
        }
        const bool is_test = source.stem().string().ends_with("_test");
        for (const std::string& import : imports_of(read(source))) {
            if (import == module || kMayImport.at(module).contains(import)) continue;
            if (is_test && import == "support") continue;
            wrong.push_back(fs::relative(source, kProject).string() + " imports " + import);
        }
    }
    return wrong;
}

// String literals that begin like a statement. Transaction control is not meant: it holds no names of the schema.
std::vector<std::string> sql_literals(const std::string& text) {
    static const std::regex kStatement(
        R"re("((?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|TRUNCATE|WITH|LOCK TABLE|COPY) [^"]*))re");
    return matches(text, kStatement);
}

// What a fresh checkout would hold: not what is built or run here.
std::vector<fs::path> project_files() {
    const std::set<std::string> others = {".git", "build", ".demo", ".cache"};
    std::vector<fs::path> out;
    for (auto entry = fs::recursive_directory_iterator(kProject); entry != fs::recursive_directory_iterator();
         ++entry) {
        if (entry.depth() == 0 && others.contains(entry->path().filename().string())) {
            if (entry->is_directory()) entry.disable_recursion_pending();
            continue;
        }
        if (entry->is_regular_file()) out.push_back(entry->path());
    }
    return out;
}

TEST(Architecture, ModulesImportOnlyWhatTheLayoutAllows) { EXPECT_THAT(wrong_imports(), IsEmpty()); }

// Messages hold text of others: only say() escapes what drives a terminal. Progress and questions draw by themselves.
std::vector<std::string> messages_past_say() {
    const std::set<std::string> drawers = {"terminal_text.cpp", "progress.cpp", "confirm.cpp"};
    static const std::regex kMessage(R"((environment_?\.err|std::cerr|stderr) *<<)");
    std::vector<std::string> out;
    for (const char* module : {"cli", "app"})
        for (const fs::path& source : sources_under(kProject / "src" / module))
            if (!drawers.contains(source.filename().string()) && !source.stem().string().ends_with("_test") &&
                std::regex_search(read(source), kMessage))
                out.push_back(fs::relative(source, kProject).string());
    return out;
}

TEST(Architecture, MessagesForPeopleAreEscapedInOnePlace) { EXPECT_THAT(messages_past_say(), IsEmpty()); }

// Functions of C libraries that return a text of the peer's, or null where it sent none.
std::vector<std::string> unchecked_texts(const std::string& source) {
    static const std::regex call(
        R"(\b(PQresultErrorField|PQresultErrorMessage|PQdb|PQparameterStatus|rd_kafka_event_error_string|)"
        R"(rd_kafka_message_errstr|rd_kafka_error_string|rd_kafka_topic_name|rd_kafka_ConfigEntry_(name|value))\()");
    // Kept as a pointer until it has been looked at, or given to what takes null.
    static const std::regex checked(R"(peer_text\(|const char\* \w+ = |if \(!\w+\) \w+ = |\w \? )");
    std::vector<std::string> out;
    std::istringstream lines(source);
    for (std::string line; std::getline(lines, line);)
        if (line.contains('(') && (line.contains("PQ") || line.contains("rd_kafka_")) &&
            std::regex_search(line, call) && !std::regex_search(line, checked))
            out.push_back(line);
    return out;
}

TEST(Architecture, NoTextOfACLibraryIsTakenForThere) {
    for (const fs::path& path : sources_under(kProject / "src"))
        EXPECT_THAT(unchecked_texts(read(path)), IsEmpty()) << path;
    EXPECT_EQ(unchecked_texts("std::string text = PQresultErrorField(result, 'V');\n").size(), 1u);
}

// Where threads begin. Each of these files catches what its threads throw, or hands it over; everything else runs on a
// LoopThread. One that ends by an exception would end the process.
std::vector<std::string> threads_begun_elsewhere() {
    const std::set<std::string> guarded = {"base/loop",
                                           "api/database",
                                           "api/intake",
                                           "app/exit_deadline",
                                           "app/signals",
                                           "base/resolve",
                                           "bus/kafka_reaper",
                                           "bus/kafka_topics",
                                           "cli/import_run",
                                           "http/listen_sockets",
                                           "http/shard",
                                           "observe/line_writer",
                                           "observe/otlp_exporter",
                                           "pg/postmaster_supervisor"};
    static const std::regex kThread(R"(std::j?thread\b(?!::)|std::async|pthread_create)");
    static const std::regex kGuard(R"(catch \(|std::packaged_task)");
    std::vector<std::string> out;
    for (const fs::path& source : sources_under(kProject / "src")) {
        const fs::path name = fs::relative(source, kProject / "src").replace_extension();
        if (name.string().ends_with("_test") || name.string() == "cli/answering_server") continue;  // tests' own
        if (!std::regex_search(read(source), kThread)) continue;
        // A class may start its thread in one file and run it in another.
        bool catches = false;
        for (const fs::path& other : sources_under(source.parent_path()))
            catches |= other.stem().string().starts_with(name.filename().string()) &&
                       !other.stem().string().ends_with("_test") && std::regex_search(read(other), kGuard);
        if (!guarded.contains(name.string()) || !catches) out.push_back(name.string());
    }
    return out;
}

TEST(Architecture, ThreadsBeginWhereWhatTheyThrowIsCaught) { EXPECT_THAT(threads_begun_elsewhere(), IsEmpty()); }

TEST(Architecture, TheLayoutHasNoCircles) {
    for (const auto& [module, imports] : kMayImport)
        for (const std::string& import : imports)
            if (const auto found = kMayImport.find(import); found != kMayImport.end())
                EXPECT_FALSE(found->second.contains(module)) << module << " and " << import;
}

TEST(Architecture, ImportsAreFoundHoweverTheyAreWritten) {
    EXPECT_THAT(imports_of("#include \"pg/connection.h\"\n#include <vector>\n  #include \"here.h\"\n"),
                testing::ElementsAre("pg", "here.h"));
}

TEST(Architecture, SqlStandsInSqlFiles) {
    std::vector<std::string> found;
    for (const fs::path& source : sources_under(kProject / "src")) {
        if (source.stem().string().ends_with("_test")) continue;
        for (const std::string& literal : sql_literals(read(source)))
            found.push_back(fs::relative(source, kProject).string() + ": " + literal);
    }
    EXPECT_THAT(found, IsEmpty());
    EXPECT_THAT(sql_literals("run(\"DELETE FROM accounts\")"), testing::SizeIs(1));
}

TEST(Architecture, NothingNamesThisMachine) {
    // Put together here, so that this file does not name them either.
    const std::vector<std::string> local = {std::string("../") + "shared", std::string("/wo") + "rk/",
                                            std::string("/ho") + "me/", std::string("/Us") + "ers/"};
    std::vector<std::string> found;
    for (const fs::path& file : project_files()) {
        const std::string text = read(file);
        for (const std::string& name : local)
            if (text.find(name) != std::string::npos)
                found.push_back(fs::relative(file, kProject).string() + " names " + name);
    }
    EXPECT_THAT(found, IsEmpty());
}

}  // namespace
