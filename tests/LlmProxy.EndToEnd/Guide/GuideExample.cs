using System.Text.RegularExpressions;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Guide;

/// <summary>A command of a page of the guide, with the answer that the page says it has.</summary>
/// <param name="Command">As it stands behind the <c>$</c>, over several lines when they end with a backslash.</param>
/// <param name="Answer">The lines that follow it. What differs from run to run stands there as <c>…</c>.</param>
internal sealed partial record GuideExample(string Command, string Answer)
{
    private const string Prompt = "$ ";

    /// <summary>
    /// Whether asking twice changes nothing. What was used is settled when the client has its answer already, so who
    /// asks for it at once may be early.
    /// </summary>
    public bool OnlyReads => Reading().IsMatch(Command);

    /// <summary>Every command in the blocks <c>console</c> of a page, in their order.</summary>
    public static async Task<IReadOnlyList<GuideExample>> AllOfAsync(string page)
    {
        var path = Path.Combine(Executable.RepositoryRoot, "docs", "guide", page);
        var text = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        return [.. Block().Matches(text).SelectMany(static block => In(block.Groups["lines"].Value.Split('\n')))];
    }

    /// <summary>Whether this is the answer, but for the width of columns.</summary>
    public bool Fits(string said) => Regex.IsMatch(
        Evened(said), $"^{Regex.Escape(Evened(Answer)).Replace("…", ".*", StringComparison.Ordinal)}$",
        RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));

    private static IEnumerable<GuideExample> In(string[] lines)
    {
        for (var i = 0; i < lines.Length;)
        {
            var command = lines[i][Prompt.Length..];
            while (lines[i++].EndsWith('\\'))
            {
                command += "\n" + lines[i];
            }

            var answer = lines[i..]
                .TakeWhile(static line => !line.StartsWith(Prompt, StringComparison.Ordinal)).ToList();
            i += answer.Count;
            yield return new GuideExample(command, string.Join('\n', answer));
        }
    }

    private static string Evened(string text) => string.Join(
        '\n', text.Trim().Split('\n').Select(static line => Blanks().Replace(line, " ").Trim()));

    [GeneratedRegex("^```console\n(?<lines>.*?)\n```$",
        RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Block();

    [GeneratedRegex(@"^llm-proxy manage (?:usage|token get|token explain|project get)\b", RegexOptions.None, 1000)]
    private static partial Regex Reading();

    [GeneratedRegex(@"\s+", RegexOptions.None, 1000)]
    private static partial Regex Blanks();
}
