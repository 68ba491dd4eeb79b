namespace LlmProxy.Settings;

/// <summary>One assignment of a <c>.env</c> file, with the line it stands on.</summary>
internal readonly record struct EnvEntry(string Name, string Value, int Line);

/// <summary>
/// Reads <c>.env</c> files: <c>NAME=value</c> a line, <c>#</c> comments, an optional <c>export</c>, single or double
/// quotes around the value. Nothing is expanded: what stands there is the value.
/// </summary>
internal static class EnvFile
{
    /// <summary>
    /// The entries in order; a line that is none of the above is a complaint that names file and line.
    /// </summary>
    public static IReadOnlyList<EnvEntry> Read(string path, ICollection<string> complaints)
    {
        var entries = new List<EnvEntry>();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            var text = line.AsSpan().Trim();
            if (text.IsEmpty || text[0] == '#')
            {
                continue;
            }

            if (TryReadEntry(text, number, out var entry))
            {
                entries.Add(entry);
            }
            else
            {
                complaints.Add($"{path}:{number}: expected NAME=value.");
            }
        }

        return entries;
    }

    /// <summary>Reads one line that is neither empty nor a comment.</summary>
    public static bool TryReadEntry(ReadOnlySpan<char> line, int number, out EnvEntry entry)
    {
        entry = default;
        if (line.StartsWith("export ", StringComparison.Ordinal))
        {
            line = line["export ".Length..].TrimStart();
        }

        var equals = line.IndexOf('=');
        if (equals <= 0)
        {
            return false;
        }

        var name = line[..equals].TrimEnd();
        if (name.ContainsAnyExcept(NameCharacters))
        {
            return false;
        }

        if (Unquote(line[(equals + 1)..].Trim()) is not { } value)
        {
            return false;
        }

        entry = new EnvEntry(name.ToString(), value, number);
        return true;
    }

    private static readonly System.Buffers.SearchValues<char> NameCharacters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    private static string? Unquote(ReadOnlySpan<char> value)
    {
        if (value.IsEmpty || value[0] is not ('"' or '\''))
        {
            // A comment may follow an unquoted value after white space.
            var comment = value.IndexOf(" #");
            return (comment < 0 ? value : value[..comment].TrimEnd()).ToString();
        }

        var end = value[1..].IndexOf(value[0]);
        if (end < 0)
        {
            return null;
        }

        var rest = value[(end + 2)..].TrimStart();
        return rest.IsEmpty || rest[0] == '#' ? value[1..(end + 1)].ToString() : null;
    }
}
