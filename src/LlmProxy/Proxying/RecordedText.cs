using LlmProxy.Events;
using LlmProxy.Http;

namespace LlmProxy.Proxying;

/// <summary>
/// Text of an exchange as its event may show it. Clients put their token anywhere, and a provider may repeat the key
/// that it was sent wherever it answers something.
/// </summary>
/// <param name="providerKey">Null when nobody was admitted: then the provider was sent nothing.</param>
internal sealed class RecordedText(string? providerKey)
{
    private const string Mask = "***";

    /// <summary>A shorter beginning of a key is what all keys of its provider begin with.</summary>
    private const int BeginningMin = 8;

    public string Of(string text)
    {
        if (providerKey is { Length: > 0 } key)
        {
            text = text.Replace(key, Mask, StringComparison.Ordinal);
            text = text.Length == HeaderAllowlist.ValueLengthMax ? WithoutBeginning(text, key) : text;
        }

        return SecretText.Hide(text);
    }

    public string? OfOrNull(string? text) => text is null ? null : Of(text);

    public Dictionary<string, string>? OfOrNull(KeyValuePair<string, string>[]? headers)
    {
        if (headers is null)
        {
            return null;
        }

        var fields = new Dictionary<string, string>(headers.Length, StringComparer.Ordinal);
        foreach (var (name, value) in headers)
        {
            fields[SecretText.Hide(name.ToLowerInvariant())] = Of(value);
        }

        return fields;
    }

    /// <summary>Of a value that was cut in the middle of the key.</summary>
    private static string WithoutBeginning(string text, string key)
    {
        for (var length = key.Length - 1; length >= BeginningMin; length--)
        {
            if (text.EndsWith(key[..length], StringComparison.Ordinal))
            {
                return text[..^length] + Mask;
            }
        }

        return text;
    }
}
