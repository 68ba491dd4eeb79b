using LlmProxy.Settings;

namespace LlmProxy.Secrets;

/// <summary>The master key as the settings give it, and the one before it.</summary>
internal sealed class SecretsOptions(byte[]? key, byte[]? previousKey)
{
    public const int KeyBytes = 32;

    /// <summary>Null: it stands in a file beside the database.</summary>
    public byte[]? Key => key;

    public byte[]? PreviousKey => previousKey;

    public static SecretsOptions Read(SettingsReader settings) => new(
        KeyOf(settings, "ENCRYPTION_KEY",
            "Master key, base64 of 32 bytes; when not set, it is made at first start in `<DATABASE_PATH>.key`."),
        KeyOf(settings, "ENCRYPTION_KEY_PREVIOUS",
            "The master key before the present one: what it sealed is sealed anew with `ENCRYPTION_KEY` at start."));

    /// <summary>Null when the text is not base64 of a key.</summary>
    public static byte[]? KeyOf(string text)
    {
        var key = new byte[KeyBytes];
        return Convert.TryFromBase64String(text, key, out var length) && length == KeyBytes ? key : null;
    }

    private static byte[]? KeyOf(SettingsReader settings, string name, string meaning)
    {
        if (settings.TextOrNull(name, meaning) is not { } text)
        {
            return null;
        }

        var key = KeyOf(text);
        if (key is null)
        {
            // The value is a secret, even a wrong one: it is not repeated.
            settings.Complain(
                $"{name} must be base64 of exactly {KeyBytes} bytes (`openssl rand -base64 32` makes one).");
        }

        return key;
    }
}
