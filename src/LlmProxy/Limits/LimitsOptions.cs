using LlmProxy.Settings;

namespace LlmProxy.Limits;

/// <summary>Limits that hold for everybody, whatever token they have. Requests a minute; 0 is no limit.</summary>
internal sealed record LimitsOptions(long RequestsPerAddress, long RequestsOfAll)
{
    public static readonly LimitsOptions None = new(0, 0);

    public static LimitsOptions Read(SettingsReader settings) => new(
        settings.Number("IP_RATE_LIMIT", 0, 0, RateWindow.PerMinuteMax,
            "Requests a minute from one client address (IPv6: from its /64); 0 is no limit."),
        settings.Number("GLOBAL_RATE_LIMIT", 0, 0, RateWindow.PerMinuteMax,
            "Requests a minute of the whole process; 0 is no limit."));
}
