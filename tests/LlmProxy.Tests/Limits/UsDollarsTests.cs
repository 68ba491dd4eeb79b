using System.Globalization;
using CsCheck;
using LlmProxy.Limits;
using Xunit;

namespace LlmProxy.Tests.Limits;

public sealed class UsDollarsTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("0.0", 0)]
    [InlineData("0.000001", 1)]
    [InlineData("0.1", 100_000)]
    [InlineData("10.50", 10_500_000)]
    [InlineData("10.500000", 10_500_000)]
    [InlineData("7", 7_000_000)]
    [InlineData("1000000000", 1_000_000_000_000_000)]
    [InlineData("1000000000.000000", 1_000_000_000_000_000)]
    public void Reads_dollars_as_whole_micro_dollars(string text, long micros) =>
        Assert.Equal(micros, UsDollars.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("+1")]
    [InlineData("-1")]
    [InlineData("-0")]
    [InlineData(".5")]
    [InlineData("1.")]
    [InlineData(".")]
    [InlineData("1.2.3")]
    [InlineData("1,5")]
    [InlineData("1_000")]
    [InlineData("1e3")]
    [InlineData("0x10")]
    [InlineData("007")]
    [InlineData("0.0000001")]
    [InlineData("1000000000.000001")]
    [InlineData("9999999999")]
    [InlineData("10000000000")]
    [InlineData("99999999999999999999999999")]
    [InlineData("١")]
    [InlineData("1.٥")]
    [InlineData("$1")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("1\n")]
    public void Refuses_every_other_spelling(string text) => Assert.Null(UsDollars.Parse(text));

    [Fact]
    public void What_is_written_is_read_as_the_same_amount() =>
        Gen.Long[0, UsDollars.Max].Sample(micros =>
        {
            var text = UsDollars.Write(micros);

            Assert.Equal(micros, UsDollars.Parse(text));
            Assert.Equal(micros, decimal.Parse(text, CultureInfo.InvariantCulture) * 1_000_000);
            Assert.Equal(7, text.Length - text.IndexOf('.', StringComparison.Ordinal));
        });

    [Fact]
    public void Whatever_is_read_is_what_a_decimal_reads_and_nothing_is_thrown() =>
        Gen.String[Gen.Char["0123456789.-+e "], 0, 14].Sample(text =>
            Assert.True(UsDollars.Parse(text) is not { } micros
                || micros == decimal.Parse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture)
                    * 1_000_000));
}
