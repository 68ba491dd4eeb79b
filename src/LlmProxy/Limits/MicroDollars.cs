using System.Globalization;

namespace LlmProxy.Limits;

/// <summary>Money on the wire: a decimal number of dollars as text; inside it is whole micro-dollars.</summary>
internal static class MicroDollars
{
    private const long PerDollar = 1_000_000;

    /// <summary>All six decimals: <c>12.340000</c>.</summary>
    public static string Write(long microDollars)
    {
        var (dollars, rest) = Math.DivRem(microDollars, PerDollar);
        return string.Create(CultureInfo.InvariantCulture,
            $"{(microDollars < 0 ? "-" : "")}{Math.Abs(dollars)}.{Math.Abs(rest):000000}");
    }

    /// <summary>For people: two decimals, more when they are there: <c>12.34</c>, <c>0.000125</c>.</summary>
    public static string Show(long microDollars)
    {
        var text = Write(microDollars).TrimEnd('0');
        var decimals = text.Length - text.IndexOf('.', StringComparison.Ordinal) - 1;
        return decimals < 2 ? text + new string('0', 2 - decimals) : text;
    }
}
