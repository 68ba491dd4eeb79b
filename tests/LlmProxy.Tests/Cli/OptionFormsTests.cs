using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class OptionFormsTests
{
    [Theory]
    [InlineData("1", 60)]
    [InlineData("24", 1440)]
    [InlineData("1m", 1)]
    [InlineData("365d", 525_600)]
    [InlineData("8760", 525_600)]
    [InlineData("1d12h", 2160)]
    public void A_lifetime_is_hours_or_has_units(string text, int minutes) =>
        Assert.Equal(minutes, OptionForms.ReadLifetime(text)?.TotalMinutes);

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("59s")]
    [InlineData("61s")]
    [InlineData("8761")]
    [InlineData("365d1m")]
    [InlineData("1.5")]
    [InlineData("-1")]
    [InlineData("1w")]
    public void Anything_else_is_none(string text) => Assert.Null(OptionForms.ReadLifetime(text));
}
