namespace LlmProxy.Http;

/// <summary>
/// Finds what looks like a credential in text that a caller chose: people put theirs into paths and request ids, and
/// from there they would get into logs.
/// </summary>
internal static class SecretText
{
    private const string Mask = "***";

    // Our own tokens, and keys as most providers make them.
    private static readonly string[] Prefixes = ["llmp_", "sk-"];

    private static readonly System.Buffers.SearchValues<char> Characters = System.Buffers.SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    // Shorter words, such as a model's name that begins like a key, are no secrets.
    private const int LengthMin = 12;

    public static bool IsIn(ReadOnlySpan<char> text) => Find(text).Length > 0;

    /// <summary>The text with every credential in it replaced.</summary>
    public static string Hide(ReadOnlySpan<char> text)
    {
        var (start, length) = Find(text);
        return length == 0
            ? text.ToString()
            : string.Concat(text[..start], Mask, Hide(text[(start + length)..]));
    }

    private static (int Start, int Length) Find(ReadOnlySpan<char> text)
    {
        foreach (var prefix in Prefixes)
        {
            for (var from = 0; text[from..].IndexOf(prefix, StringComparison.Ordinal) is >= 0 and var at;)
            {
                var start = from + at;
                var end = text[start..].IndexOfAnyExcept(Characters);
                var length = end < 0 ? text.Length - start : end;
                if (length >= LengthMin)
                {
                    return (start, length);
                }

                from = start + prefix.Length;
            }
        }

        return default;
    }
}
