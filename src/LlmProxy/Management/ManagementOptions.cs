using LlmProxy.Secrets;
using LlmProxy.Settings;

namespace LlmProxy.Management;

/// <summary>
/// What the management API needs to know: the one secret that opens it. There is no default, because an open
/// management API hands out provider budget to whoever finds it.
/// </summary>
internal sealed record ManagementOptions(Secret Token)
{
    private const int LengthMin = 16;
    private const int DifferentCharactersMin = 6;

    // What people paste from examples and mean to replace later.
    private static readonly string[] Placeholders =
        ["changeme", "change-me", "change_me", "placeholder", "replace", "example", "your-", "your_", "password", "<"];

    public static ManagementOptions Read(SettingsReader settings)
    {
        var token = settings.TextOrNull("MANAGEMENT_TOKEN",
            "The secret of the management API: at least 16 visible ASCII characters. Required.");
        if (WhatIsWrongWith(token) is { } fault)
        {
            settings.Complain($"MANAGEMENT_TOKEN {fault}: run `llm-proxy setup`, which makes one, or set it to a "
                + "random value such as the output of `openssl rand -hex 32`.");
        }

        return new ManagementOptions(new Secret(token ?? string.Empty));
    }

    // Never shows the value: a complaint ends in logs and terminals.
    private static string? WhatIsWrongWith(string? token) => token switch
    {
        null => "is not set",
        _ when token.Any(character => character is < '!' or > '~') => "may hold visible ASCII characters only",
        { Length: < LengthMin } => $"is shorter than {LengthMin} characters",
        _ when token.Distinct().Count() < DifferentCharactersMin => "repeats too few characters to be a secret",
        _ when Array.Exists(Placeholders, word => token.Contains(word, StringComparison.OrdinalIgnoreCase)) =>
            "looks like a placeholder out of an example",
        _ => null,
    };
}
