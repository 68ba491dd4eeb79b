using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Reading;

/// <summary>The numbers in a <c>usage</c> object that mean something here, as the APIs call them.</summary>
internal enum Amount : byte
{
    PromptTokens,
    InputTokens,
    CompletionTokens,
    OutputTokens,

    /// <summary>Anthropic; not part of <see cref="InputTokens"/>.</summary>
    CacheReadInputTokens,

    /// <summary>Anthropic; not part of <see cref="InputTokens"/>.</summary>
    CacheCreationInputTokens,
    CachedTokens,
    InputAudioTokens,
    ReasoningTokens,
    OutputAudioTokens,
}

/// <summary>One <c>usage</c> object as it stands; <see cref="ToReport"/> makes one form for all APIs.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct UsageNumbers
{
    private const int AmountCount = (int)Amount.OutputAudioTokens + 1;

    private Amounts _amounts;
    private ushort _there;

    /// <summary>One of the numbers is none that could be true.</summary>
    public bool IsImplausible { get; private set; }

    /// <summary>Whether tokens are counted here at all; a transcription may be paid by its duration.</summary>
    public readonly bool IsReport =>
        IsImplausible || Has(Amount.PromptTokens) || Has(Amount.InputTokens) || Has(Amount.CompletionTokens)
        || Has(Amount.OutputTokens);

    /// <summary>Takes what stands at <paramref name="amount"/>; null is as good as nothing.</summary>
    public void Set(Amount amount, JsonToken token, ReadOnlySpan<byte> value)
    {
        if (token == JsonToken.Null)
        {
            return;
        }

        var count = token == JsonToken.Number ? JsonNumber.CountOf(value, UsageReport.TokensMax) : -1;
        if (count < 0)
        {
            IsImplausible = true;
            return;
        }

        _amounts[(int)amount] = count;
        _there |= (ushort)(1 << (int)amount);
    }

    /// <summary>A later object that repeats only what has changed (Anthropic's <c>message_delta</c>).</summary>
    public void Merge(in UsageNumbers later)
    {
        for (var amount = 0; amount < AmountCount; amount++)
        {
            if (later.Has((Amount)amount))
            {
                _amounts[amount] = later._amounts[amount];
            }
        }

        _there |= later._there;
        IsImplausible |= later.IsImplausible;
    }

    public readonly UsageReport ToReport(ref UsageFaults faults)
    {
        if (!IsReport)
        {
            return default;
        }

        // Who says "prompt_tokens" counts the cached ones among them, whatever else is told beside it.
        var isAnthropic = !Has(Amount.PromptTokens);
        var (read, written) = (Of(Amount.CacheReadInputTokens), Of(Amount.CacheCreationInputTokens));
        var prompt = isAnthropic ? Of(Amount.InputTokens) + read + written : Of(Amount.PromptTokens);
        var completion = Has(Amount.CompletionTokens) ? Of(Amount.CompletionTokens) : Of(Amount.OutputTokens);
        if (IsImplausible || prompt > UsageReport.TokensMax)
        {
            faults |= UsageFaults.Implausible;
            return default;
        }

        var cached = Part(Has(Amount.CachedTokens) ? Of(Amount.CachedTokens) : read, prompt, ref faults);
        return new UsageReport(
            UsageSource.Reported,
            prompt,
            completion,
            cached,
            Part(written, prompt - cached, ref faults),
            Part(Of(Amount.InputAudioTokens), prompt, ref faults),
            Part(Of(Amount.ReasoningTokens), completion, ref faults),
            Part(Of(Amount.OutputAudioTokens), completion, ref faults));
    }

    private static long Part(long part, long whole, ref UsageFaults faults)
    {
        if (part <= whole)
        {
            return part;
        }

        faults |= UsageFaults.Implausible;
        return 0;
    }

    private readonly bool Has(Amount amount) => (_there & (1 << (int)amount)) != 0;

    private readonly long Of(Amount amount) => Has(amount) ? _amounts[(int)amount] : 0;

    [InlineArray(AmountCount)]
    private struct Amounts
    {
        private long _first;
    }
}
