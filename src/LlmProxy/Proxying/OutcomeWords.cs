namespace LlmProxy.Proxying;

/// <summary>How an exchange ended, as logs and events say it.</summary>
internal static class OutcomeWords
{
    public static string Of(Outcome outcome) => outcome switch
    {
        Outcome.Served => "served",
        Outcome.Refused => "refused",
        Outcome.ClientGone => "client_gone",
        Outcome.Truncated => "truncated",
        Outcome.TimedOut => "timed_out",
        _ => "revoked",
    };
}
