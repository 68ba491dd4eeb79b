using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Statistics;

/// <summary>What one exchange adds to the statistics.</summary>
/// <param name="Time">When it ended, in Unix milliseconds.</param>
/// <param name="ProjectId">Whose it was; empty when the token was not known, and then nobody's.</param>
/// <param name="TokenId">By which token.</param>
/// <param name="Provider">The provider's name in the provider file.</param>
/// <param name="Model">The model's name as the request or the answer has it; null when neither has one.</param>
/// <param name="Usage">The tokens.</param>
/// <param name="CostMicros">What they cost, in micro-dollars; null when that is not known.</param>
/// <param name="IsRefused">Whether the proxy itself ended it.</param>
/// <param name="Status">The HTTP status of the answer.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ExchangeUsage(
    long Time,
    Guid ProjectId,
    Guid TokenId,
    string Provider,
    string? Model,
    UsageReport Usage,
    long? CostMicros,
    bool IsRefused,
    int Status);
