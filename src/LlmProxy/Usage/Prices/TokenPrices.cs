namespace LlmProxy.Usage.Prices;

/// <summary>
/// What one token of each kind costs, in whole pico-dollars: $2.50 a million is 2 500 000. So prices with six decimals
/// are exact, and no cost is ever computed in fractions. Null is a price that the table does not know.
/// </summary>
internal sealed record TokenPrices(
    long Input,
    long? CachedInput,
    long? CacheWrite,
    long? Output,
    long? Reasoning,
    long? AudioInput,
    long? AudioOutput);
