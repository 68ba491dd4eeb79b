using LlmProxy.Settings;

namespace LlmProxy.Limits;

/// <summary>Limits that hold for everybody, whatever token they have, and what is reserved when nobody knows.</summary>
/// <param name="RequestsPerAddress">Requests a minute; 0 is no limit.</param>
/// <param name="RequestsOfAll">Requests a minute; 0 is no limit.</param>
internal sealed record LimitsOptions(long RequestsPerAddress, long RequestsOfAll)
{
    public static readonly LimitsOptions None = new(0, 0);

    private const long PromptDefault = 200_000;
    private const long OutputDefault = 32_768;
    private const long CeilingMax = 100_000_000;

    /// <summary>
    /// Tokens that are reserved for a prompt that is not all in the request, when the price table does not know the
    /// model.
    /// </summary>
    public long PromptTokensCeiling { get; init; } = PromptDefault;

    /// <summary>
    /// Tokens that are reserved for an answer when neither the request nor the price table says how long it can be.
    /// </summary>
    public long OutputTokensCeiling { get; init; } = OutputDefault;

    public static LimitsOptions Read(SettingsReader settings) => new(
        settings.Number("IP_RATE_LIMIT", 0, 0, RateWindow.PerMinuteMax,
            "Requests a minute from one client address (IPv6: from its /64); 0 is no limit."),
        settings.Number("GLOBAL_RATE_LIMIT", 0, 0, RateWindow.PerMinuteMax,
            "Requests a minute of the whole process; 0 is no limit."))
    {
        PromptTokensCeiling = settings.Number("PROMPT_TOKENS_CEILING", PromptDefault, 1, CeilingMax,
            "Prompt tokens reserved for a request whose prompt is not all in it, when the model is not in the prices."),
        OutputTokensCeiling = settings.Number("OUTPUT_TOKENS_CEILING", OutputDefault, 1, CeilingMax,
            "Answer tokens reserved for a request that names no maximum, when the model is not in the prices."),
    };
}
