using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Prices;

/// <summary>The prices of one model under one service tier, and how much it takes and gives.</summary>
/// <param name="Tokens">What a token costs.</param>
/// <param name="OutputMax">The most tokens that one answer can have; null when the table does not say.</param>
/// <param name="ContextWindow">The most tokens of prompt and answer together; null when the table does not say.</param>
/// <param name="LongPrompt">Prices of the whole exchange when its prompt is long; null when they are the same.</param>
internal sealed record ModelPrice(
    TokenPrices Tokens, long? OutputMax, long? ContextWindow, LongPromptPrices? LongPrompt = null)
{
    private const long PicosPerMicro = 1_000_000;

    // Of every kind that has a price, the dearest: what is reserved must cover whatever is reported later.
    private readonly Dearest _usual = Dearest.Of(Tokens);
    private readonly Dearest _dearest =
        Dearest.Of(Tokens).Or(LongPrompt is null ? default : Dearest.Of(LongPrompt.Tokens));

    /// <summary>
    /// The cost in micro-dollars, rounded half up once. Null when tokens were used that the table has no price for.
    /// </summary>
    /// <remarks>
    /// No token is paid twice. A report may say more than once what a token is (cached audio is audio and cached);
    /// it then counts as what comes first: audio, written to the cache, read from the cache.
    /// </remarks>
    public long? CostOf(in UsageReport usage)
    {
        var prices = LongPrompt is { } longPrompt && usage.Prompt > longPrompt.Above ? longPrompt.Tokens : Tokens;
        var (cost, isKnown) = (default(Int128), true);

        var prompt = Math.Max(0, usage.Prompt);
        Take(ref prompt, usage.AudioPrompt, prices.AudioInput);
        Take(ref prompt, usage.CacheWritten, prices.CacheWrite);
        Take(ref prompt, usage.Cached, prices.CachedInput);
        Take(ref prompt, prompt, prices.Input);

        var completion = Math.Max(0, usage.Completion);
        Take(ref completion, usage.AudioCompletion, prices.AudioOutput);
        Take(ref completion, usage.Reasoning, prices.Reasoning);
        Take(ref completion, completion, prices.Output);

        return isKnown ? Micros(cost + (PicosPerMicro / 2)) : null;

        void Take(ref long left, long wanted, long? price)
        {
            var taken = Math.Clamp(wanted, 0, left);
            left -= taken;
            isKnown &= taken == 0 || price is not null;
            cost += (Int128)taken * (price ?? 0);
        }
    }

    /// <summary>
    /// No exchange with at most so many tokens costs more, in micro-dollars: each token at the dearest price that it
    /// could have, rounded up.
    /// </summary>
    public long UpperBound(long promptTokens, long completionTokens)
    {
        // A prompt that is not long can only become shorter, so the prices of long ones do not matter.
        var dearest = promptTokens > LongPrompt?.Above ? _dearest : _usual;
        return Micros(
            ((Int128)Math.Max(0, promptTokens) * dearest.In)
            + ((Int128)Math.Max(0, completionTokens) * dearest.Out)
            + (PicosPerMicro - 1));
    }

    private static long Micros(Int128 picos) => (long)Int128.Min(picos / PicosPerMicro, long.MaxValue);

    /// <summary>The highest price of a token that goes in, and of one that comes out.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Dearest(long In, long Out)
    {
        public static Dearest Of(TokenPrices prices) => new(
            Max(prices.Input, prices.CachedInput, prices.CacheWrite, prices.AudioInput),
            Max(prices.Output, prices.Reasoning, prices.AudioOutput));

        public Dearest Or(Dearest other) => new(Math.Max(In, other.In), Math.Max(Out, other.Out));

        private static long Max(params ReadOnlySpan<long?> prices)
        {
            var highest = 0L;
            foreach (var price in prices)
            {
                highest = Math.Max(highest, price ?? 0);
            }

            return highest;
        }
    }
}

/// <summary>
/// Prices that hold for a whole exchange when its prompt has more tokens than <paramref name="Above"/>.
/// </summary>
internal sealed record LongPromptPrices(long Above, TokenPrices Tokens);
