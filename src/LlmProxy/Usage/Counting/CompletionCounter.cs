using System.Buffers;
using System.Text;

namespace LlmProxy.Usage.Counting;

/// <summary>Counts text that was delivered, when the provider does not say what it was.</summary>
internal static class CompletionCounter
{
    /// <summary>
    /// Exact for OpenAI's models; for Anthropic's an upper bound, for others the count of another model's tokenizer.
    /// CPU work for the thread pool.
    /// </summary>
    /// <param name="model">As the request or the answer names it.</param>
    /// <param name="utf8">Without JSON's escapes. What is not UTF-8 is counted as replacement characters.</param>
    public static long Count(string? model, ReadOnlySpan<byte> utf8)
    {
        var text = ArrayPool<char>.Shared.Rent(Encoding.UTF8.GetMaxCharCount(utf8.Length));
        try
        {
            return Count(model, text.AsSpan(0, Encoding.UTF8.GetChars(utf8, text)));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(text);
        }
    }

    public static long Count(string? model, ReadOnlySpan<char> text) =>
        Tokenizers.Family(model).StartsWith("claude", StringComparison.OrdinalIgnoreCase)
            ? BoundForAnthropic(text)
            : Tokenizers.Of(model).Count(text);

    /// <summary>
    /// Anthropic publishes no tokenizer for its models. Half as many again as OpenAI's is above what is reported of
    /// them, and no tokenizer makes more tokens than there are bytes.
    /// </summary>
    public static long BoundForAnthropic(ReadOnlySpan<char> text)
    {
        var tokens = Tokenizers.O200k.Count(text);
        return Math.Min((3 * tokens + 1) / 2, Encoding.UTF8.GetByteCount(text));
    }
}
