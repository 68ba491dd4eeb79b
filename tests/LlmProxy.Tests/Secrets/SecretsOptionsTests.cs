using LlmProxy.Secrets;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Secrets;

public sealed class SecretsOptionsTests
{
    private const string Key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    [Fact]
    public void Takes_base64_of_32_bytes()
    {
        var settings = Settings(Key);

        var options = SecretsOptions.Read(settings);

        Assert.Empty(settings.Complaints);
        Assert.Equal(Convert.FromBase64String(Key), options.Key);
        Assert.Null(options.PreviousKey);
    }

    [Theory]
    [InlineData("too short")]
    [InlineData("AAECAwQFBgcICQoLDA0ODw==")]
    [InlineData("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI=")]
    public void Complains_by_name_of_anything_else_and_does_not_repeat_it(string key)
    {
        var settings = Settings(key);

        SecretsOptions.Read(settings);

        var complaint = Assert.Single(settings.Complaints);
        Assert.StartsWith("ENCRYPTION_KEY must be base64 of exactly 32 bytes", complaint, StringComparison.Ordinal);
        Assert.DoesNotContain(key, complaint, StringComparison.Ordinal);
    }

    private static SettingsReader Settings(string key) => new(
        new Dictionary<string, string?>(StringComparer.Ordinal),
        new Dictionary<string, string>(StringComparer.Ordinal) { ["ENCRYPTION_KEY"] = key },
        []);
}
