using System.Text.RegularExpressions;
using LlmProxy.Http;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests;

/// <summary>
/// What the documents say about the code is true. With <c>UPDATE_SETTINGS=1</c> the tables of settings are written
/// anew.
/// </summary>
public sealed partial class DocumentTests
{
    [Theory]
    [InlineData("README.md", "## Settings")]
    [InlineData("docs/guide/configuration.md", "## All settings")]
    public async Task The_README_lists_the_settings_that_the_code_reads(string page, string heading)
    {
        var document = await Repository.ReadAsync(page);
        var settings = ProcessSettings.Open(new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["ENV"] = "/dev/null",
            ["MANAGEMENT_TOKEN"] = "what-a-test-is-allowed-to-know",
        });
        Server.ReadSettings(settings);
        var rows = settings.Known.Select(RowOf).ToList();
        if (Environment.GetEnvironmentVariable("UPDATE_SETTINGS") == "1")
        {
            var table = string.Join('\n', RowsUnder(heading, document));
            document = document.Replace(table, string.Join('\n', rows), StringComparison.Ordinal);
            await File.WriteAllTextAsync(Repository.PathOf(page), document, TestContext.Current.CancellationToken);
        }

        AssertSame(rows, RowsUnder(heading, document));
    }

    [Fact]
    public async Task The_guide_lists_the_refusals_that_the_code_makes()
    {
        var guide = await Repository.ReadAsync("docs/guide/http.md");

        var listed = RowsUnder("## Refusals", guide);

        AssertSame(Refusal.All.Select(RowOf), listed);
    }

    [Fact]
    public async Task The_README_shows_how_to_try_the_program_and_how_to_test_it()
    {
        var readme = await Repository.ReadAsync("README.md");

        Assert.Contains("\nmake demo\n", readme, StringComparison.Ordinal);
        Assert.Contains("\nmake test\n", readme, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_file_that_a_document_names_exists()
    {
        var documents = await Repository.ReadAllAsync(".", "*.md");

        var missing = documents
            .SelectMany(static document => FilesNamedIn(document))
            .Where(static named => !Path.Exists(Repository.PathOf(named.Target)))
            .Select(static named => $"{named.Document}: {named.Target}");

        AssertNone(missing);
    }

    [Fact]
    public async Task Every_heading_that_a_document_links_to_exists()
    {
        var documents = await Repository.ReadAllAsync(".", "*.md");
        var headings = documents.ToDictionary(static document => document.Path, HeadingsOf, StringComparer.Ordinal);

        var missing = documents
            .SelectMany(static document => HeadingsNamedIn(document))
            .Where(named => !headings.GetValueOrDefault(named.Target, []).Contains(named.Heading))
            .Select(static named => $"{named.Document}: {named.Target}#{named.Heading}");

        AssertNone(missing);
    }

    [Fact]
    public async Task The_list_of_documents_has_every_page_of_the_guide()
    {
        var list = await Repository.ReadAsync("docs/README.md");

        AssertNone(Repository.Files("docs/guide", "*.md").Select(Path.GetFileName)
            .Where(page => !list.Contains($"(guide/{page})", StringComparison.Ordinal))!);
    }

    [Fact]
    public async Task Every_test_that_the_architecture_names_exists()
    {
        var architecture = await Repository.ReadAsync("ARCHITECTURE.md");
        var tests = await Repository.ReadAllAsync("tests", "*Tests.cs");
        var named = TestName().Matches(architecture).ToList();

        var missing = named.Where(name => !tests.Any(file =>
            Path.GetFileNameWithoutExtension(file.Path) == name.Groups["class"].Value
            && file.Lines.Any(line => line.Contains($" {name.Groups["test"].Value}(", StringComparison.Ordinal))));

        Assert.NotEmpty(named);
        AssertNone(missing.Select(static name => name.Value));
    }

    private static void AssertNone(IEnumerable<string> missing)
    {
        var named = missing.ToList();

        Assert.True(named.Count == 0, string.Join('\n', named));
    }

    /// <summary>Fails with the whole table as it should be, ready to be pasted.</summary>
    private static void AssertSame(IEnumerable<string> expected, IEnumerable<string> listed)
    {
        var rows = expected.ToList();

        Assert.True(rows.ToHashSet(StringComparer.Ordinal).SetEquals(listed), string.Join('\n', rows));
    }

    private static string RowOf(Setting setting) =>
        $"| `{setting.Name}` | {(setting.Default.Length == 0 ? "" : $"`{setting.Default}`")} | {setting.Meaning} |";

    private static string RowOf(Refusal refusal)
    {
        string?[] headers =
        [
            refusal.Challenge is null ? null : "`WWW-Authenticate`",
            refusal == Refusal.MethodNotAllowed ? "`Allow`" : null,
            refusal.RetryAfter is null ? null : "`Retry-After`",
            refusal.ForGood ? "`x-should-retry`" : null,
        ];
        var with = string.Join(", ", headers.Where(static header => header is not null));
        return $"| {refusal.Status} | `{refusal.Code}` | {refusal.Message} | {with} |";
    }

    /// <summary>The rows, without their head, of the first table under a heading.</summary>
    private static IEnumerable<string> RowsUnder(string heading, string document) =>
        document.Split('\n')
            .SkipWhile(line => line != heading)
            .SkipWhile(static line => !line.StartsWith("|---", StringComparison.Ordinal))
            .Skip(1)
            .TakeWhile(static line => line.StartsWith('|'));

    /// <summary>Links are relative to their document, paths in code to the repository.</summary>
    private static IEnumerable<(string Document, string Target)> FilesNamedIn(SourceFile document)
    {
        var text = string.Join('\n', document.Lines);
        var folder = Path.GetDirectoryName(document.Path)!;
        return Link().Matches(text).Select(link => Path.Combine(folder, link.Groups["target"].Value))
            .Concat(CodePath().Matches(text).Select(static path => path.Groups["target"].Value))
            .Select(target => (document.Path, target));
    }

    private static IEnumerable<(string Document, string Target, string Heading)> HeadingsNamedIn(SourceFile document)
    {
        var folder = Path.GetDirectoryName(document.Path)!;
        return HeadingLink().Matches(string.Join('\n', document.Lines)).Select(link => (
            document.Path,
            link.Groups["target"] is { Length: > 0 } target
                ? Path.GetRelativePath(Repository.PathOf("."), Repository.PathOf(Path.Combine(folder, target.Value)))
                : document.Path,
            link.Groups["heading"].Value));
    }

    /// <summary>
    /// The names by which headings are linked to: lower case, blanks as hyphens, without what is neither letter, digit,
    /// hyphen nor underscore.
    /// </summary>
    private static HashSet<string> HeadingsOf(SourceFile document) => document.Lines
        .Where(static line => Heading().IsMatch(line))
        .Select(static line => string.Concat(line.TrimStart('#').Trim().ToLowerInvariant()
            .Where(static c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')
            .Select(static c => c == ' ' ? '-' : c)))
        .ToHashSet(StringComparer.Ordinal);

    [GeneratedRegex(
        @"\]\((?!https?:|mailto:)(?<target>[^)#\s]*)#(?<heading>[^)\s]+)\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex HeadingLink();

    [GeneratedRegex("^#{1,6} ", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\]\((?!https?:|#|mailto:)(?<target>[^)#\s]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Link();

    [GeneratedRegex(
        @"`(?<target>(src|tests|bench|deploy|docs|scripts|config|api)/[\w./-]+)`", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CodePath();

    [GeneratedRegex(@"`(?<class>\w+Tests)\.(?<test>\w+)`", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TestName();
}
