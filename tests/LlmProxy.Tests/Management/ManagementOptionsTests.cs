using LlmProxy.Management;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Management;

public sealed class ManagementOptionsTests
{
    [Theory]
    [InlineData(null, "is not set")]
    [InlineData("", "is not set")]
    [InlineData("short-secret-15", "shorter than 16")]
    [InlineData("has a space in its middle", "visible ASCII")]
    [InlineData("schlüssel-mit-umlaut", "visible ASCII")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaa", "too few characters")]
    [InlineData("changeme-changeme-changeme", "placeholder")]
    [InlineData("your-management-token", "placeholder")]
    public void Refuses_a_weak_token_and_says_what_to_do_without_showing_it(string? token, string reason)
    {
        var settings = Settings(token);

        _ = ManagementOptions.Read(settings);

        var complaint = Assert.Single(settings.Complaints);
        Assert.StartsWith("MANAGEMENT_TOKEN ", complaint, StringComparison.Ordinal);
        Assert.Contains(reason, complaint, StringComparison.Ordinal);
        Assert.Contains("llm-proxy setup", complaint, StringComparison.Ordinal);
        Assert.DoesNotContain(token is { Length: > 0 } ? token : "\0", complaint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0123456789abcdef")]
    [InlineData("correct-horse-battery-staple-42")]
    public void Takes_sixteen_visible_characters(string token)
    {
        var settings = Settings(token);

        var options = ManagementOptions.Read(settings);

        Assert.Empty(settings.Complaints);
        Assert.Equal(token, options.Token.Reveal());
    }

    private static SettingsReader Settings(string? token) =>
        new(
            new Dictionary<string, string?>(StringComparer.Ordinal),
            token is null
                ? []
                : new Dictionary<string, string>(StringComparer.Ordinal) { ["MANAGEMENT_TOKEN"] = token },
            []);
}
