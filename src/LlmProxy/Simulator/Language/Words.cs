namespace LlmProxy.Simulator.Language;

/// <summary>
/// Counts and cuts text by words. A word is the simulator's token, so that a person can check every number it reports.
/// </summary>
internal static class Words
{
    public static int Count(ReadOnlySpan<char> text)
    {
        var count = 0;
        var isInWord = false;
        foreach (var character in text)
        {
            var isSpace = char.IsWhiteSpace(character);
            count += !isSpace && !isInWord ? 1 : 0;
            isInWord = !isSpace;
        }

        return count;
    }

    /// <summary>
    /// Where the piece that begins at <paramref name="start"/> ends: a word with the space before it, as models stream
    /// them. The pieces of a text put together are the text.
    /// </summary>
    public static int EndOfPiece(ReadOnlySpan<char> text, int start)
    {
        var end = start;
        while (end < text.Length && char.IsWhiteSpace(text[end]))
        {
            end++;
        }

        while (end < text.Length && !char.IsWhiteSpace(text[end]))
        {
            end++;
        }

        return end;
    }

    public static string First(string text, int words)
    {
        var end = 0;
        for (var i = 0; i < words && end < text.Length; i++)
        {
            end = EndOfPiece(text, end);
        }

        return text[..end];
    }
}
