using System.Globalization;

namespace LlmProxy.Simulator.Wire;

/// <summary>How the usage of an answer is told; all but the first are what no client should have to expect.</summary>
internal enum UsageForm
{
    Plain,

    /// <summary>Not at all, even when it was asked for.</summary>
    None,
    Negative,

    /// <summary>Numbers of which two do not fit into 64 bits together.</summary>
    Huge,
    Fraction,

    /// <summary>Numbers as strings.</summary>
    Text,

    /// <summary>Two members of the same name, of which the first is wrong.</summary>
    Twice,

    /// <summary>Behind the end of the stream.</summary>
    AfterEnd,

    /// <summary>Cumulated, in every chunk of the stream.</summary>
    Early,
}

/// <summary>What a request asks to be told about its usage.</summary>
/// <param name="Form">How it is told.</param>
/// <param name="Numbers">What is told, and billed, instead of the words that were counted.</param>
internal sealed record UsageWish(UsageForm Form, WordUsage? Numbers)
{
    public static readonly UsageWish Plain = new(UsageForm.Plain, null);

    // Sums of it stay far from the end of 64 bits.
    private const long NumberMax = 1_000_000_000_000_000;

    /// <summary>Null for what has no meaning.</summary>
    public static UsageWish? Parse(string text) => text switch
    {
        "none" => new(UsageForm.None, null),
        "negative" => new(UsageForm.Negative, null),
        "huge" => new(UsageForm.Huge, null),
        "fraction" => new(UsageForm.Fraction, null),
        "string" => new(UsageForm.Text, null),
        "twice" => new(UsageForm.Twice, null),
        "after-done" => new(UsageForm.AfterEnd, null),
        "early" => new(UsageForm.Early, null),
        _ => NumbersIn(text) is { } numbers ? new(UsageForm.Plain, numbers) : null,
    };

    public WordUsage Of(WordUsage counted) => (Numbers ?? counted) with { Form = Form };

    /// <summary>Whether the usage is told to somebody who asks for it, or does not.</summary>
    public bool IsTold(bool isAskedFor) => Form switch
    {
        UsageForm.None => false,
        UsageForm.AfterEnd or UsageForm.Early => true,
        _ => isAskedFor,
    };

    private static WordUsage? NumbersIn(string text)
    {
        var usage = new WordUsage(0, 0);
        foreach (var entry in text.Split(','))
        {
            var parts = entry.Split('=', StringSplitOptions.TrimEntries);
            if (parts.Length != 2
                || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                || number > NumberMax
                || With(usage, parts[0], number) is not { } more)
            {
                return null;
            }

            usage = more;
        }

        return usage;
    }

    private static WordUsage? With(WordUsage usage, string name, long number) => name switch
    {
        "prompt" => usage with { Input = number },
        "completion" => usage with { Output = number },
        "cached" => usage with { Cached = number },
        "reasoning" => usage with { Reasoning = number },
        "audio_in" => usage with { AudioIn = number },
        "audio_out" => usage with { AudioOut = number },
        _ => null,
    };
}
