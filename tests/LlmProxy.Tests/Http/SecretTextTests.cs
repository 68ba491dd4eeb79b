using CsCheck;
using LlmProxy.Http;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Http;

public sealed class SecretTextTests
{
    [Theory]
    [InlineData("/v1/models/gpt-5", "/v1/models/gpt-5")]
    [InlineData("/v1/models/sk-7", "/v1/models/sk-7")]
    [InlineData("/v1/models/sk-CANARYprovider-1234567890/x", "/v1/models/***/x")]
    [InlineData("/sk-a/llmp_0123456789/sk-0123456789abc", "/sk-a/***/***")]
    public void Hides_what_looks_like_a_credential_and_nothing_else(string text, string shown)
    {
        Assert.Equal(shown, SecretText.Hide(text));
        Assert.Equal(shown != text, SecretText.IsIn(text));
    }

    [Fact]
    public void Hides_every_token_wherever_it_stands() =>
        Gen.Select(
            Gen.String[Gen.Char["abc/.:-"], 0, 20],
            Gen.String[Gen.Char["/.:?"], 0, 20]).Sample(static (before, after) =>
        {
            var token = TokenSecret.Create().Reveal();
            return !SecretText.Hide(before + token + after).Contains(token, StringComparison.Ordinal);
        });
}
