using Xunit;

namespace LlmProxy.Tests;

/// <summary>The files of this repository, for the tests that read sources and documents.</summary>
internal static class Repository
{
    private static readonly string Root = FindRoot(AppContext.BaseDirectory);

    public static string PathOf(string relative) => Path.Combine(Root, relative);

    public static Task<string> ReadAsync(string relative) =>
        File.ReadAllTextAsync(PathOf(relative), TestContext.Current.CancellationToken);

    public static async Task<IReadOnlyList<SourceFile>> ReadAllAsync(string folder, string pattern)
    {
        var files = new List<SourceFile>();
        foreach (var file in Files(folder, pattern))
        {
            files.Add(new SourceFile(file, (await ReadAsync(file)).TrimEnd('\n').Split('\n')));
        }

        return files;
    }

    /// <summary>Relative paths, with slashes, of the files that people write; built ones are left out.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(PathOf(folder), pattern, SearchOption.AllDirectories)
            .Select(static file => Path.GetRelativePath(Root, file))
            .Where(static file => !file.StartsWith("artifacts/", StringComparison.Ordinal)
                && !file.StartsWith("bin/", StringComparison.Ordinal)
                && !file.Contains("/node_modules/", StringComparison.Ordinal)
                && !file.StartsWith('.'))
            .Order(StringComparer.Ordinal);

    private static string FindRoot(string from)
    {
        for (var folder = new DirectoryInfo(from); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "LlmProxy.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No LlmProxy.slnx above {from}.");
    }
}

internal sealed record SourceFile(string Path, IReadOnlyList<string> Lines);
