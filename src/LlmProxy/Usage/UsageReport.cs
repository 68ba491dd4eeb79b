using System.Runtime.InteropServices;

namespace LlmProxy.Usage;

/// <summary>Who says what was used.</summary>
internal enum UsageSource : byte
{
    /// <summary>Nobody: the answer holds nothing that could be read or counted.</summary>
    Unknown,

    /// <summary>The provider, in its answer.</summary>
    Reported,

    /// <summary>We, with the model's own tokenizer, because the provider did not.</summary>
    Counted,
}

/// <summary>
/// What was wrong with a report of usage. Never a reason to fail an exchange; for events and metrics.
/// </summary>
[Flags]
internal enum UsageFaults : byte
{
    None = 0,

    /// <summary>
    /// A number was negative, no whole number, or beyond <see cref="UsageReport.TokensMax"/>; the report does not
    /// count.
    /// </summary>
    Implausible = 1,

    /// <summary>One object held two reports; the last one counts.</summary>
    Repeated = 2,

    /// <summary>A report came after the end of the stream; it does not count.</summary>
    AfterEnd = 4,

    /// <summary>The answer broke off, or its compression did.</summary>
    Truncated = 8,

    /// <summary>The answer's content coding is one that we cannot read, or no JSON where JSON was announced.</summary>
    Unreadable = 16,

    /// <summary>More text than we keep for counting; what is beyond it is estimated from its bytes.</summary>
    Estimated = 32,

    /// <summary>More was reported than the worst case that was reserved.</summary>
    Overrun = 64,
}

/// <summary>
/// The tokens of one exchange, in one form for all APIs: <paramref name="Prompt"/> holds the cached, the cache-written
/// and the audio ones, <paramref name="Completion"/> the reasoning and the audio ones.
/// </summary>
/// <param name="Source">Who says so.</param>
/// <param name="Prompt">All tokens that went in.</param>
/// <param name="Completion">All tokens that came out.</param>
/// <param name="Cached">Of the prompt: read from the provider's cache.</param>
/// <param name="CacheWritten">Of the prompt: written to the provider's cache (Anthropic).</param>
/// <param name="AudioPrompt">Of the prompt: audio.</param>
/// <param name="Reasoning">Of the completion: thought and not shown.</param>
/// <param name="AudioCompletion">Of the completion: audio.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct UsageReport(
    UsageSource Source,
    long Prompt,
    long Completion,
    long Cached = 0,
    long CacheWritten = 0,
    long AudioPrompt = 0,
    long Reasoning = 0,
    long AudioCompletion = 0)
{
    /// <summary>More than any model takes or gives at once; a number beyond it is a mistake or a lie.</summary>
    public const long TokensMax = 100_000_000;

    public long Total => Prompt + Completion;

    /// <summary>Both together; counted, if one of them is.</summary>
    public UsageReport Plus(in UsageReport other) => new(
        (UsageSource)Math.Max((byte)Source, (byte)other.Source), Prompt + other.Prompt, Completion + other.Completion,
        Cached + other.Cached, CacheWritten + other.CacheWritten, AudioPrompt + other.AudioPrompt,
        Reasoning + other.Reasoning, AudioCompletion + other.AudioCompletion);
}
