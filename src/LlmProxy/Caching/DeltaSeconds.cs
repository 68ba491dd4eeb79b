namespace LlmProxy.Caching;

/// <summary>Times in whole seconds (RFC 9111 §1.2.2).</summary>
internal static class DeltaSeconds
{
    /// <summary>What stands for every number that is greater: 68 years, which is for ever to a cache.</summary>
    public const long Max = 2_147_483_648;

    /// <summary>False for all but digits: signs, fractions, spaces, nothing.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out long seconds)
    {
        seconds = 0;
        if (text.IsEmpty || text.ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }

        foreach (var digit in text)
        {
            seconds = Math.Min(Max, (seconds * 10) + (digit - '0'));
        }

        return true;
    }
}
