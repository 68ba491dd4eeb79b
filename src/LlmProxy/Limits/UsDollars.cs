using System.Globalization;

namespace LlmProxy.Limits;

/// <summary>
/// Money on the wire and in the store: a decimal number of US dollars in a string, and a whole number of
/// micro-dollars. A JSON number is a double for many readers, and a double cannot hold 0.1.
/// </summary>
internal static class UsDollars
{
    /// <summary>Micro-dollars: a thousand million dollars.</summary>
    public const long Max = 1_000_000_000 * Micro;

    private const long Micro = 1_000_000;
    private const int DecimalsMax = 6;
    private const int DollarDigitsMax = 10;

    /// <summary>
    /// The micro-dollars of <c>10</c>, <c>10.5</c> or <c>10.500000</c>; null for any other spelling, a sign and an
    /// exponent among them, and for more than <see cref="Max"/>.
    /// </summary>
    public static long? Parse(string text)
    {
        var point = text.IndexOf('.', StringComparison.Ordinal);
        var (dollars, decimals) = point < 0 ? (text, "0") : (text[..point], text[(point + 1)..]);
        var isPlain = dollars.Length is > 0 and <= DollarDigitsMax && decimals.Length is > 0 and <= DecimalsMax
            && dollars.All(char.IsAsciiDigit) && decimals.All(char.IsAsciiDigit)
            && (dollars.Length == 1 || dollars[0] != '0');
        if (!isPlain)
        {
            return null;
        }

        var micros = (long.Parse(dollars, CultureInfo.InvariantCulture) * Micro)
            + long.Parse(decimals.PadRight(DecimalsMax, '0'), CultureInfo.InvariantCulture);
        return micros <= Max ? micros : null;
    }

    /// <summary>With six decimals, so that every micro-dollar is seen: <c>10.500000</c>.</summary>
    public static string Write(long micros) =>
        string.Create(CultureInfo.InvariantCulture, $"{(decimal)micros / Micro:0.000000}");

    /// <summary>For people: two decimals, and more when they are there: <c>10.50</c>, <c>0.000125</c>.</summary>
    public static string Show(long micros) =>
        string.Create(CultureInfo.InvariantCulture, $"{(decimal)micros / Micro:0.00####}");

    /// <summary>Null for no limit.</summary>
    public static string? Write(long? micros) => micros is { } some ? Write(some) : null;
}
