using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>What the suite says of one of its tests.</summary>
/// <param name="Suite">The chapter that the test is in.</param>
/// <param name="Id">The name by which <c>https://cache-tests.fyi</c> shows it.</param>
/// <param name="Kind"><c>required</c> by the RFC, <c>optimal</c> for a good cache, <c>check</c> to know.</param>
/// <param name="Name">What is expected, in a sentence.</param>
/// <param name="Verdict">
/// <c>pass</c>; <c>fail</c> of a required test; <c>optional_fail</c> of an optimal one; <c>yes</c> or <c>no</c> of a
/// check; <c>setup_fail</c> when it never came to what is tested, <c>dependency_fail</c> when a test that it builds on
/// did not pass; <c>retry</c> when a request was sent twice.
/// </param>
/// <param name="Message">Empty, or what went otherwise.</param>
internal sealed record SuiteResult(
    string Suite, string Id, string Kind, string Name, string Verdict, string Message);

/// <summary>
/// The public test suite for HTTP caches (<c>https://cache-tests.fyi</c>, RFC 9111), run once against the proxy: its
/// client before a front that adds the token, its origin as the one provider. The whole table of results is left in
/// <c>artifacts/cache-suite.md</c>.
/// </summary>
/// <remarks>
/// The pauses are the suite's own: it waits three seconds wherever an answer is to become older, a hundred tests at a
/// time.
/// </remarks>
public sealed class CacheSuite : IAsyncLifetime
{
    // A healthy run takes half a minute, most of it in pauses.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private static readonly string Folder =
        Path.Combine(Executable.RepositoryRoot, "tests", "LlmProxy.EndToEnd", "Caching", "Suite");

    // What the cache is told, beside its defaults.
    private static readonly (string Name, string Value)[] CacheSettings =
        [("HTTP_CACHE_TARGETED_FIELDS", "CDN-Cache-Control")];

    internal IReadOnlyList<SuiteResult> Results { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        using var folder = new TempFolder();
        await using var origin = Node([], "origin.mjs");
        var address = await origin.ListeningAsync(() => Task.FromResult(origin.Output));
        var setup = new ProxySetup { ProviderYaml = YamlFor(address), Settings = CacheSettings };
        await using var proxy = await ProxyProcess.StartAsync(folder, setup);
        var token = await proxy.Management.CreateTokenAsync();

        var results = folder.File("results.json");
        var front = proxy.Address.GetLeftPart(UriPartial.Authority);
        await using var client = Node([("SUITE_TOKEN", token.Secret)], "run.mjs", front, results);
        var run = await client.EndAsync(Patience);
        Assert.True(run.ExitCode == 0, $"The suite ended with {run.ExitCode}:\n{run.Output}{run.Errors}");

        Results = JsonSerializer.Deserialize<List<SuiteResult>>(
            await File.ReadAllTextAsync(results, TestContext.Current.CancellationToken), JsonSerializerOptions.Web)!;
        await WriteTableAsync();
    }

    /// <summary>The tests of a kind with a verdict.</summary>
    internal IReadOnlyList<SuiteResult> Those(string kind, string verdict) =>
        [.. Results.Where(result => result.Kind == kind && result.Verdict == verdict)];

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static ChildProcess Node(
        IEnumerable<(string Name, string Value)> environment, params IEnumerable<string> arguments) =>
        ChildProcess.Start("node", Folder, environment, arguments);

    private static string YamlFor(Uri origin) =>
        $"""
        default_api: origin
        apis:
          origin:
            base_url: {origin.GetLeftPart(UriPartial.Authority)}
            allowed_endpoints: [/v1/config/*, /v1/state/*, /v1/test/*]
            allowed_methods: [GET, HEAD, POST, PUT, PATCH, DELETE]

        """;

    private async Task WriteTableAsync()
    {
        var ordered = Results
            .OrderByDescending(static result => result.Kind, StringComparer.Ordinal)
            .ThenBy(static result => result.Verdict, StringComparer.Ordinal)
            .ToList();
        var sums = ordered.CountBy(static result => (result.Kind, result.Verdict))
            .Select(static sum => $"- {sum.Key.Kind}: {sum.Value} {sum.Key.Verdict}");
        var rows = ordered.Select(static result =>
            $"| {result.Kind} | {result.Verdict} | `{result.Suite}` | `{result.Id}` | {result.Message} |");

        var artifacts = Directory.CreateDirectory(Path.Combine(Executable.RepositoryRoot, "artifacts"));
        await File.WriteAllLinesAsync(
            Path.Combine(artifacts.FullName, "cache-suite.md"),
            [
                "# The public cache test suite against this executable", "", .. sums, "",
                "| kind | verdict | chapter | test | what went otherwise |", "|---|---|---|---|---|", .. rows,
            ],
            TestContext.Current.CancellationToken);
    }
}
