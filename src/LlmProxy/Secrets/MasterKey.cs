using System.Security.Cryptography;
using LlmProxy.Settings;

namespace LlmProxy.Secrets;

/// <summary>
/// The key under which everything secret in the database is sealed: from the settings, or from a file beside the
/// database that is made on first start. It is never in the database.
/// </summary>
internal sealed partial class MasterKey
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public MasterKey(SecretsOptions options, ILogger<MasterKey> logger)
    {
        Present = options.Key ?? ReadOrMake(options.KeyFile, logger);
        Previous = options.PreviousKey;
    }

    public byte[] Present { get; }

    public byte[]? Previous { get; }

    private static byte[] ReadOrMake(string path, ILogger logger)
    {
        try
        {
            if (!File.Exists(path))
            {
                Make(path);
                LogMade(logger, Path.GetFullPath(path));
            }

            var key = new byte[SecretsOptions.KeyBytes];
            return Convert.TryFromBase64String(File.ReadAllText(path).Trim(), key, out var length) && length == key.Length
                ? key
                : throw new StartFailure($"ENCRYPTION_KEY: the key file '{path}' does not hold base64 of 32 bytes.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StartFailure($"ENCRYPTION_KEY: the key file '{path}' cannot be used: {failure.Message}");
        }
    }

    /// <summary>The file appears whole or not at all, and the first of two processes that start together wins.</summary>
    private static void Make(string path)
    {
        var temporary = $"{path}.{Environment.ProcessId}";
        using (var stream = new FileStream(temporary, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = OwnerOnly,
        }))
        {
            var key = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);
            stream.Write(System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));
            stream.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary);
        }
    }

    [LoggerMessage(1200, LogLevel.Warning,
        "A master key was made in {Path}: back it up apart from the database, without it no provider key can be read")]
    private static partial void LogMade(ILogger logger, string path);
}
