using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>What an answer said that it used.</summary>
internal sealed record Told(string Model, long Prompt, long Cached, long Completion)
{
    public long Tokens => Prompt + Completion;
}

/// <summary>
/// The prices of <c>config/prices.yaml</c>, read and reckoned with in another way than the proxy does.
/// </summary>
internal sealed class PriceList
{
    private readonly string[] _lines =
        File.ReadAllLines(Path.Combine(Executable.RepositoryRoot, "config", "prices.yaml"));

    /// <summary>Dollars: dollars per million tokens are micro-dollars per token, rounded half up once.</summary>
    public decimal CostOf(Told told)
    {
        var micros = ((told.Prompt - told.Cached) * PriceOf(told.Model, "input"))
            + (told.Cached * PriceOf(told.Model, "cached_input"))
            + (told.Completion * PriceOf(told.Model, "output"));
        return decimal.Floor(micros + 0.5m) / 1_000_000;
    }

    private decimal PriceOf(string model, string key)
    {
        var price = _lines.SkipWhile(line => line != $"  {model}:").Skip(1)
            .TakeWhile(static line => line.StartsWith("    ", StringComparison.Ordinal))
            .FirstOrDefault(line => line.StartsWith($"    {key}: ", StringComparison.Ordinal));
        return price is null ? 0 : decimal.Parse(price.Split(": ")[1], CultureInfo.InvariantCulture);
    }
}
