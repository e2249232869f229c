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

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) out.push_back(line);
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

using Arrows = std::map<std::string, std::set<std::string>>;

// The arrows of a picture: "a & b --> c & d" leads from a and from b to c and to d.
Arrows arrows_of(const std::string& picture) {
    static const std::regex kArrow(R"(([\w &]+?) *--> *([\w &]+))"), kName(R"((\w+))");
    Arrows arrows;
    for (std::sregex_iterator arrow(picture.begin(), picture.end(), kArrow), end; arrow != end; ++arrow)
        for (const std::string& from : matches((*arrow)[1], kName))
            for (const std::string& to : matches((*arrow)[2], kName)) {
                arrows[from].insert(to);
                arrows[to];
            }
    return arrows;
}

// The picture of the modules in ARCHITECTURE.md. sql, the generated text of the queries, stands below db.
Arrows picture() {
    const std::string text = read(kProject / "ARCHITECTURE.md");
    const auto begin = text.find("```mermaid", text.find("\n## The modules"));
    Arrows arrows = arrows_of(text.substr(begin, text.find("```\n", begin + 3) - begin));
    arrows["db"].insert("sql");
    return arrows;
}

void collect(const Arrows& arrows, const std::string& from, std::set<std::string>& out) {
    for (const std::string& to : arrows.contains(from) ? arrows.at(from) : std::set<std::string>())
        if (out.insert(to).second) collect(arrows, to, out);
}

// What the arrows lead to, directly or through others.
std::set<std::string> reached(const Arrows& arrows, const std::string& from) {
    std::set<std::string> out;
    collect(arrows, from, out);
    return out;
}

std::vector<std::string> wrong_imports(const Arrows& arrows) {
    std::vector<std::string> wrong;
    for (const fs::path& source : sources_under(kProject / "src")) {
        const std::string module = module_of(source);
        const std::set<std::string> may_import = reached(arrows, module);
        const bool is_test = source.stem().string().ends_with("_test") || source.stem().string().ends_with("_fixture");
        for (const std::string& import : imports_of(read(source))) {
            if (import == module || may_import.contains(import) || (is_test && import == "lab")) continue;
            wrong.push_back(fs::relative(source, kProject).string() + " imports " + import);
        }
    }
    return wrong;
}

// The namespaces that a folder's files may open: its own, or below it. What every module speaks stands in the root.
std::vector<std::string> wrong_namespaces() {
    static const std::regex kNamespace(R"(\nnamespace ledgerline(?:::(\w+))?[:\w]* \{)");
    static const std::set<std::string> kRoot = {"base", "observe", "domain"};
    std::vector<std::string> wrong;
    for (const fs::path& source : sources_under(kProject / "src")) {
        const std::string module = module_of(source);
        if (kRoot.contains(module)) continue;
        for (const std::string& name : matches(read(source), kNamespace))
            if (name != module) wrong.push_back(fs::relative(source, kProject).string() + " opens ledgerline::" + name);
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

TEST(Architecture, ModulesImportOnlyWhatThePictureAllows) { EXPECT_THAT(wrong_imports(picture()), IsEmpty()); }

TEST(Architecture, ThePictureShowsEveryModule) {
    std::set<std::string> folders, shown = {"sql"};
    for (const auto& entry : fs::directory_iterator(kProject / "src"))
        if (entry.is_directory()) folders.insert(entry.path().filename().string());
    folders.insert("sql");
    for (const auto& [module, imports] : picture()) shown.insert(module);
    EXPECT_EQ(shown, folders);
}

TEST(Architecture, NamespacesFollowFolders) { EXPECT_THAT(wrong_namespaces(), IsEmpty()); }

// Messages hold text of others: only say() escapes what drives a terminal. Progress and questions draw by themselves.
std::vector<std::string> messages_past_say() {
    const std::set<std::string> drawers = {"terminal.cpp", "progress.cpp"};
    static const std::regex kMessage(R"((environment_?\.err|std::cerr|stderr) *<<)");
    std::vector<std::string> out;
    for (const char* module : {"cli", "roles"})
        for (const fs::path& source : sources_under(kProject / "src" / module))
            if (!drawers.contains(source.filename().string()) && !source.stem().string().ends_with("_test") &&
                std::regex_search(read(source), kMessage))
                out.push_back(fs::relative(source, kProject).string());
    return out;
}

TEST(Architecture, MessagesForPeopleAreEscapedInOnePlace) { EXPECT_THAT(messages_past_say(), IsEmpty()); }

// The stages say what happened; what that is called in metrics and logs is known to their probes alone.
std::vector<std::string> reports_past_the_probe() {
    static const std::regex kReport(R"(#include "observe/(log|batch_log|exceptions)\.h"|metrics_?\.\w+)");
    std::vector<std::string> out;
    for (const char* stage : {"intake", "publish", "apply", "letters"})
        for (const fs::path& source : sources_under(kProject / "src" / stage))
            if (!source.stem().string().ends_with("_probe") && !source.stem().string().ends_with("_test"))
                for (std::smatch match; const std::string& line : lines_of(read(source)))
                    if (line != R"(#include "observe/metrics.h")" && std::regex_search(line, match, kReport))
                        out.push_back(fs::relative(source, kProject).string() + ": " + match.str());
    return out;
}

TEST(Architecture, OnlyProbesOfTheStagesKnowMetricsAndLogLines) { EXPECT_THAT(reports_past_the_probe(), IsEmpty()); }

// Functions of C libraries that return a text of the peer's, or null where it sent none.
std::vector<std::string> unchecked_texts(const std::string& source) {
    static const std::regex call(
        R"(\b(PQresultErrorField|PQresultErrorMessage|PQdb|PQparameterStatus|rd_kafka_event_error_string|)"
        R"(rd_kafka_message_errstr|rd_kafka_error_string|rd_kafka_topic_name|rd_kafka_ConfigEntry_(name|value))\()");
    // Kept as a pointer until it has been looked at, or given to what takes null.
    static const std::regex checked(R"(peer_text\(|const char\* \w+ = |if \(!\w+\) \w+ = |\w \? )");
    std::vector<std::string> out;
    for (const std::string& line : lines_of(source))
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

bool begins_threads(const std::string& source) {
    static const std::regex kThread(R"(std::j?thread\b(?!::)|std::async|pthread_create|\bthread_pool\b)");
    return std::regex_search(source, kThread);
}

// Where threads begin. Each of these files catches what its threads throw, or hands it over; everything else runs on a
// LoopThread. One that ends by an exception would end the process.
std::vector<std::string> threads_begun_elsewhere() {
    const std::set<std::string> guarded = {"api/transaction_endpoints",
                                           "audit/verify",
                                           "base/loop",
                                           "roles/signals",
                                           "base/resolve",
                                           "bus/kafka/reaper",
                                           "bus/kafka/topics",
                                           "cli/import/run",
                                           "http/server/shard",
                                           "observe/line_writer",
                                           "observe/otlp_exporter",
                                           "cluster/postmaster_supervisor"};
    // A coroutine spawned with use_awaitable hands what it throws to the one that awaits it, and so do tasks.
    static const std::regex kGuard(R"(catch \(|std::packaged_task|std::async|use_awaitable)");
    std::vector<std::string> out;
    for (const fs::path& source : sources_under(kProject / "src")) {
        const fs::path name = fs::relative(source, kProject / "src").replace_extension();
        if (name.string().ends_with("_test")) continue;  // tests' own
        if (!begins_threads(read(source))) continue;
        // A class may start its thread in one file and run it in another.
        bool catches = false;
        for (const fs::path& other : sources_under(source.parent_path()))
            catches |= other.stem().string().starts_with(name.filename().string()) &&
                       !other.stem().string().ends_with("_test") && std::regex_search(read(other), kGuard);
        if (!guarded.contains(name.string()) || !catches) out.push_back(name.string());
    }
    return out;
}

TEST(Architecture, ThreadsBeginWhereWhatTheyThrowIsCaught) {
    EXPECT_THAT(threads_begun_elsewhere(), IsEmpty());
    for (const char* source : {"std::thread thread_;", "std::jthread thread_;", "boost::asio::thread_pool parser_{1};"})
        EXPECT_TRUE(begins_threads(source)) << source;
    EXPECT_FALSE(begins_threads("std::thread::hardware_concurrency()"));
}

std::vector<std::string> modules_in_circles(const Arrows& arrows) {
    std::vector<std::string> out;
    for (const auto& [module, imports] : arrows)
        if (reached(arrows, module).contains(module)) out.push_back(module);
    return out;
}

TEST(Architecture, ThePictureHasNoCirclesOfAnyLength) {
    EXPECT_THAT(modules_in_circles(picture()), IsEmpty());
    EXPECT_THAT(modules_in_circles(arrows_of("a --> b & c\n  b --> d\n  d --> a")),
                testing::ElementsAre("a", "b", "d"));
}

TEST(Architecture, ImportsAreFoundHoweverTheyAreWritten) {
    EXPECT_THAT(imports_of("#include \"db/connection.h\"\n#include <vector>\n  #include \"here.h\"\n"),
                testing::ElementsAre("db", "here.h"));
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
