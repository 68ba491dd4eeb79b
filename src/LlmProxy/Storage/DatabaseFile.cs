namespace LlmProxy.Storage;

/// <summary>
/// The files of the database belong to their owner alone. SQLite gives <c>-wal</c> and <c>-shm</c> the mode of the main
/// file, so that one must have it before SQLite sees it.
/// </summary>
internal static class DatabaseFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static void Prepare(string path)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is { } directory && !Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory, OwnerOnly | UnixFileMode.UserExecute);
        }

        using (new FileStream(full, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite,
            UnixCreateMode = OwnerOnly,
        }))
        {
        }

        File.SetUnixFileMode(full, OwnerOnly);
    }
}
