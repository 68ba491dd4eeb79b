using System.Reflection;
using System.Runtime.CompilerServices;
using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Extensions;
using ArchUnitNET.Loader;
using ArchUnitNET.xUnitV3;
using Xunit;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace LlmProxy.Tests;

/// <summary>The borders inside the one project, and the sizes and names that keep it readable.</summary>
public sealed class ArchitectureTests
{
    private static readonly System.Reflection.Assembly Executable = typeof(Server).Assembly;
    private static readonly Architecture Program = new ArchLoader().LoadAssembly(Executable).Build();

    // Folder → folders of ours that it may know. The star shape keeps features removable: the pipeline knows them,
    // none of them knows the pipeline, and the command line knows the HTTP API only.
    private static readonly Dictionary<string, string[]> MayKnow = new(StringComparer.Ordinal)
    {
        ["Settings"] = [],
        ["Http"] = ["Settings"],
        ["Secrets"] = ["Settings"],
        ["Telemetry"] = ["Settings"],
        ["Storage"] = ["Secrets", "Settings"],
        ["Management"] = ["Http", "Secrets", "Settings", "Storage"],
        ["Events"] = ["Http", "Secrets", "Settings", "Storage"],
        ["Dispatching"] = ["Events", "Http", "Secrets", "Settings", "Storage"],
        ["Providers"] = ["Http", "Secrets", "Settings"],
        ["Caching"] = ["Http", "Management", "Providers", "Secrets", "Settings", "Storage"],
        ["Limits"] = ["Http", "Management", "Providers", "Settings", "Storage"],
        ["Usage"] = ["Http", "Management", "Providers", "Settings", "Storage"],
        ["Projects"] = ["Events", "Http", "Limits", "Management", "Providers", "Secrets", "Settings", "Storage"],
        ["Tokens"] = ["Http", "Limits", "Management", "Projects", "Providers", "Secrets", "Settings", "Storage"],
        ["Proxying"] =
        [
            "Caching", "Events", "Http", "Limits", "Management", "Projects", "Providers", "Secrets", "Settings",
            "Telemetry", "Tokens", "Usage",
        ],
        ["Cli"] = ["Http", "Settings"],
        ["Simulator"] = ["Settings"],
    };

    // A record prints all its members into the first log line that mentions it. These may have one that is called
    // like a secret:
    private static readonly string[] MayBePrinted =
    [
        "LlmProxy.Providers.ConfigEntry.Key", // a key of the provider file
    ];

    private static readonly string[] SecretEndings = ["Key", "Token", "Password", "Secret"];

    private static IEnumerable<IType> OwnTypes => Program.Types.Where(static type => FolderOf(type) is not null);

    [Fact]
    public void Every_folder_knows_only_the_folders_that_it_may()
    {
        var arrows = OwnTypes
            .SelectMany(static type => type.Dependencies, static (type, use) => (From: type, To: use.Target))
            .Where(static arrow => FolderOf(arrow.To) is { } to && to != FolderOf(arrow.From));

        var forbidden = arrows
            .Where(static arrow => !MayKnow[FolderOf(arrow.From)!].Contains(FolderOf(arrow.To), StringComparer.Ordinal))
            .Select(static arrow => $"{arrow.From.FullName} → {arrow.To.FullName}");

        AssertNone(forbidden);
    }

    [Fact]
    public void Every_folder_has_its_row_in_the_table_of_what_it_may_know() =>
        Assert.Equal(
            MayKnow.Keys.Order(StringComparer.Ordinal),
            OwnTypes.Select(FolderOf).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    [Fact]
    public void Folders_form_no_cycle()
    {
        // Folders that know no other are taken away until none is left; what stays knows each other in a circle.
        var known = MayKnow.ToDictionary(
            static row => row.Key, static row => row.Value.ToHashSet(StringComparer.Ordinal), StringComparer.Ordinal);
        while (known.Where(static row => row.Value.Count == 0).Select(static row => row.Key).ToList() is [_, ..] free)
        {
            free.ForEach(folder => known.Remove(folder));
            foreach (var rest in known.Values)
            {
                rest.ExceptWith(free);
            }
        }

        AssertNone(known.Keys);
    }

    // Verbs hand a connection to their store, and stay free of what is done with it.
    [Fact]
    public void Only_stores_speak_to_the_database() =>
        AssertNone(TypesThatUse(
                "Microsoft.Data.Sqlite.", "SQLitePCL.", "Dapper.", "DbUp.", "System.Data.Common.DbCommand",
                "System.Data.Common.DbDataReader", "System.Data.IDb")
            .Where(static type => FolderOf(type) is not "Storage"
                && !OutermostName(type).EndsWith("Store", StringComparison.Ordinal))
            .Select(static type => type.FullName));

    // A command that measures wants every failure as a result, where for other commands it is the end.
    [Fact]
    public void Only_one_class_opens_connections_to_providers() =>
        AssertNone(TypesThatUse(
                "System.Net.Http.HttpClient", "System.Net.Http.HttpMessageInvoker",
                "System.Net.Http.SocketsHttpHandler", "System.Net.Sockets.")
            .Select(static type => $"{FolderOf(type)}/{OutermostName(type)}")
            .Except(
                ["Providers/ProviderClient", "Cli/ApiClient", "Cli/BenchmarkClient", "Dispatching/SinkPost"],
                StringComparer.Ordinal));

    [Fact]
    public void Only_the_terminal_and_the_log_write_to_the_console() =>
        AssertNone(TypesThatUse("System.Console", "Spectre.Console.AnsiConsole")
            .Select(static type => $"{FolderOf(type)}/{OutermostName(type)}")
            .Except(["Cli/Terminal", "Telemetry/LogWriter"], StringComparer.Ordinal));

    [Fact]
    public void No_type_has_a_name_that_says_nothing() =>
        Types().Should().NotHaveNameMatching("(Manager|Helpers?|Utils?|Utilities|Base|Impl|Info|Data)(`\\d)?$")
            .Check(Program);

    [Fact]
    public void No_type_is_visible_outside() =>
        AssertNone(Executable.GetExportedTypes()
            .Where(static type => type.Namespace?.StartsWith("LlmProxy", StringComparison.Ordinal) == true)
            .Select(static type => type.FullName!));

    [Fact]
    public void Every_interface_earns_its_place_with_two_implementations() =>
        AssertNone(Program.Interfaces
            .Where(static candidate => FolderOf(candidate) is not null)
            .Where(static candidate => Program.Classes.Count(type => type.ImplementsInterface(candidate)) < 2)
            .Select(static candidate => candidate.FullName));

    [Fact]
    public void No_record_would_print_a_secret() =>
        AssertNone(Executable.GetTypes()
            .Where(IsRecord)
            .SelectMany(static type => type.GetProperties(BindingFlags.Instance | BindingFlags.Public))
            .Where(static member => member.PropertyType == typeof(string)
                && SecretEndings.Any(ending => member.Name.EndsWith(ending, StringComparison.Ordinal)))
            .Select(static member => $"{member.DeclaringType!.FullName}.{member.Name}")
            .Except(MayBePrinted, StringComparer.Ordinal));

    [Theory]
    [InlineData("src", 400)]
    [InlineData("tests", 600)]
    [InlineData("bench", 600)]
    public async Task No_file_is_longer_than_one_can_read_in_one_go(string folder, int linesMax)
    {
        var files = await Repository.ReadAllAsync(folder, "*.cs");

        AssertNone(files.Where(file => file.Lines.Count > linesMax)
            .Select(static file => $"{file.Path}: {file.Lines.Count} lines"));
    }

    [Theory]
    [InlineData("src")]
    [InlineData("tests")]
    [InlineData("bench")]
    public async Task No_line_is_wider_than_120_columns(string folder)
    {
        var files = await Repository.ReadAllAsync(folder, "*.cs");

        AssertNone(files
            .SelectMany(static file => file.Lines.Select((text, index) => (file.Path, Number: index + 1, text.Length)))
            .Where(static line => line.Length > 120)
            .Select(static line => $"{line.Path}:{line.Number}: {line.Length} columns"));
    }

    private static void AssertNone(IEnumerable<string?> offenders)
    {
        var named = offenders.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();

        Assert.True(named.Count == 0, string.Join('\n', named));
    }

    private static IEnumerable<IType> TypesThatUse(params string[] prefixes) =>
        OwnTypes.Where(type => type.Dependencies.Any(use =>
            prefixes.Any(prefix => use.Target.FullName.StartsWith(prefix, StringComparison.Ordinal))));

    /// <summary>The folder that a type of ours lives in; null for outermost, foreign and generated ones.</summary>
    private static string? FolderOf(IType type) =>
        type is not GenericParameter
        && type.Namespace?.FullName is { } name && name.StartsWith("LlmProxy.", StringComparison.Ordinal)
            ? name.Split('.')[1]
            : null;

    private static string OutermostName(IType type) =>
        type.FullName[(type.Namespace.FullName.Length + 1)..].Split('+')[0];

    private static bool IsRecord(System.Type type) =>
        type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic) is { } print
        && print.IsDefined(typeof(CompilerGeneratedAttribute));

}
