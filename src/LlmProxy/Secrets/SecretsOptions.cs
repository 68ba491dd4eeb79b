using LlmProxy.Settings;

namespace LlmProxy.Secrets;

/// <summary>The master key as the settings give it, and where it stands when they do not.</summary>
internal sealed record SecretsOptions(byte[]? Key, byte[]? PreviousKey, string KeyFile)
{
    public const int KeyBytes = 32;

    /// <param name="settings">Where the keys may stand.</param>
    /// <param name="databasePath">The key file is its neighbour, so that both are found and backed up together.</param>
    public static SecretsOptions Read(SettingsReader settings, string databasePath) => new(
        KeyOf(settings, "ENCRYPTION_KEY",
            "Master key, base64 of 32 bytes; when not set, one is made on first start in `<DATABASE_PATH>.key` (mode 0600)."),
        KeyOf(settings, "ENCRYPTION_KEY_PREVIOUS",
            "The master key before the present one: what it sealed is sealed anew with `ENCRYPTION_KEY` at start."),
        databasePath + ".key");

    private static byte[]? KeyOf(SettingsReader settings, string name, string meaning)
    {
        if (settings.TextOrNull(name, meaning) is not { } text)
        {
            return null;
        }

        var key = new byte[KeyBytes];
        if (Convert.TryFromBase64String(text, key, out var length) && length == KeyBytes)
        {
            return key;
        }

        // The value is a secret, even a wrong one: it is not repeated.
        settings.Complain($"{name} must be base64 of exactly {KeyBytes} bytes (`openssl rand -base64 32` makes one).");
        return null;
    }
}
