using System.Text;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary>
/// A <c>.env</c> file that is added to: every line that is there stays, with its comments and its place. It is
/// replaced in one step, so that whoever reads it meanwhile sees the old or the new one; only its owner may read it.
/// </summary>
internal sealed class EnvDocument
{
    private readonly List<string> _lines;
    private readonly List<string> _added = [];

    private EnvDocument(string path, List<string> lines)
    {
        Path = path;
        _lines = lines;
    }

    public string Path { get; }

    /// <summary>Names that were added since it was read.</summary>
    public IReadOnlyList<string> Added => _added;

    /// <summary>A file that is not there is an empty one. A line that is no setting is refused.</summary>
    public static async Task<EnvDocument> ReadAsync(string path, CancellationToken stop)
    {
        try
        {
            // A link stays a link: what it points to is replaced.
            var target = new FileInfo(path) is { LinkTarget: not null } link
                ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName
                : path;
            if (!File.Exists(target))
            {
                return new EnvDocument(target, []);
            }

            var complaints = new List<string>();
            EnvFile.Read(target, complaints);
            return complaints.Count == 0
                ? new EnvDocument(target, [.. (await File.ReadAllTextAsync(target, stop)).Split('\n')])
                : throw CommandFailure.Usage(string.Join('\n', complaints));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"{path} cannot be read: {failure.Message}");
        }
    }

    /// <summary>The value that counts, which is the last one; null for none and for an empty one.</summary>
    public string? Value(string name)
    {
        var value = Entries().LastOrDefault(entry => entry.Name == name).Value;
        return string.IsNullOrEmpty(value) ? null : value;
    }

    /// <summary>Adds a setting that the file does not have. An empty assignment is filled in where it stands.</summary>
    public void Add(string name, string value)
    {
        var line = $"{name}={Quoted(name, value)}";
        var empty = Entries().LastOrDefault(entry => entry.Name == name);
        if (empty.Line > 0)
        {
            _lines[empty.Line - 1] = line;
        }
        else
        {
            // The last element is what follows the last line's end: nothing, in a file as it should be.
            if (_lines is [.., not ""])
            {
                _lines.Add(string.Empty);
            }

            _lines.Insert(Math.Max(_lines.Count - 1, 0), line);
            if (_lines.Count == 1)
            {
                _lines.Add(string.Empty);
            }
        }

        _added.Add(name);
    }

    /// <summary>Writes it beside the old one, to the disk, and puts it in the old one's place; mode 0600.</summary>
    public async Task SaveAsync(CancellationToken stop)
    {
        var temporary = $"{Path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            await using (var stream = new FileStream(temporary, options))
            {
                await stream.WriteAsync(Encoding.UTF8.GetBytes(string.Join('\n', _lines)), stop);
#pragma warning disable CA1849 // There is no other way to say "to the disk".
                stream.Flush(flushToDisk: true);
#pragma warning restore CA1849
            }

            File.Move(temporary, Path, overwrite: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"{Path} cannot be written: {failure.Message}");
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private IEnumerable<EnvEntry> Entries()
    {
        for (var i = 0; i < _lines.Count; i++)
        {
            var text = _lines[i].AsSpan().Trim();
            if (!text.IsEmpty && text[0] != '#' && EnvFile.TryReadEntry(text, i + 1, out var entry))
            {
                yield return entry;
            }
        }
    }

    private static string Quoted(string name, string value)
    {
        var quote = (value.AsSpan().ContainsAny(" #'\""), value.Contains('"', StringComparison.Ordinal)) switch
        {
            (false, _) => string.Empty,
            (true, false) => "\"",
            (true, true) => "'",
        };
        var isWritable = !value.Any(char.IsControl)
            && (quote != "'" || !value.Contains('\'', StringComparison.Ordinal));
        return isWritable
            ? $"{quote}{value}{quote}"
            : throw CommandFailure.Usage($"{name} has characters that cannot stand in a settings file.");
    }
}
