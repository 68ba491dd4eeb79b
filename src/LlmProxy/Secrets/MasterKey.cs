using System.Security.Cryptography;
using System.Text;
using LlmProxy.Settings;

namespace LlmProxy.Secrets;

/// <summary>
/// The key under which everything secret in the database is sealed: from the settings, or from a file beside the
/// database that is made on first start. It is never in the database.
/// </summary>
internal sealed class MasterKey(SecretsOptions options, ILogger<MasterKey> logger)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private byte[]? _present;

    public byte[] Present => _present ?? throw new InvalidOperationException("The master key is opened at start.");

    /// <summary>What some of the database may still be sealed with.</summary>
    public byte[]? Previous => options.PreviousKey;

    /// <param name="keyFile">Where the key stands when the settings have none.</param>
    /// <param name="isNewDatabase">Nothing is sealed yet, so a new key may be made.</param>
    public void Open(string keyFile, bool isNewDatabase)
    {
        try
        {
            _present = options.Key ?? ReadOrMake(keyFile, isNewDatabase);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StartFailure($"ENCRYPTION_KEY: the key file '{keyFile}' cannot be used: {failure.Message}");
        }
    }

    private byte[] ReadOrMake(string path, bool isNewDatabase)
    {
        if (!File.Exists(path))
        {
            if (!isNewDatabase)
            {
                throw new StartFailure(
                    $"ENCRYPTION_KEY: it is not set, and the database's key file '{path}' is not there.");
            }

            Make(path);
            logger.MadeMasterKey(Path.GetFullPath(path));
        }

        return SecretsOptions.KeyOf(File.ReadAllText(path).Trim())
            ?? throw new StartFailure(
                $"ENCRYPTION_KEY: the key file '{path}' does not hold base64 of {SecretsOptions.KeyBytes} bytes.");
    }

    /// <summary>
    /// The file appears whole or not at all, and of two processes that start together the first one wins.
    /// </summary>
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
            var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes));
            stream.Write(Encoding.ASCII.GetBytes(key + "\n"));
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
}
