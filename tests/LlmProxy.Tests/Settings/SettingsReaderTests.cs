using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Settings;

public sealed class SettingsReaderTests
{
    [Fact]
    public void Takes_the_flag_before_the_environment_before_the_file_before_the_default()
    {
        var all = Reader(flag: "1", environment: "2", file: "3");
        var withoutFlag = Reader(environment: "2", file: "3");
        var fileOnly = Reader(file: "3");
        var nothing = Reader();

        Assert.Equal([1, 2, 3, 4], new[] { all, withoutFlag, fileOnly, nothing }.Select(Read));

        static long Read(SettingsReader settings) => settings.Number("MAX_SOMETHING", 4, 0, 9, "");
    }

    [Fact]
    public void Takes_an_empty_variable_for_one_that_is_not_set()
    {
        var settings = Reader(environment: "", file: "3");

        Assert.Equal(3, settings.Number("MAX_SOMETHING", 4, 0, 9, ""));
    }

    [Theory]
    [InlineData("10")]
    [InlineData("-1")]
    [InlineData("3.5")]
    [InlineData(" 3")]
    [InlineData("three")]
    public void Names_the_setting_whose_number_is_out_of_bounds_or_no_number(string value)
    {
        var settings = Reader(environment: value);

        settings.Number("MAX_SOMETHING", 4, 0, 9, "");

        var complaint = Assert.Single(settings.Complaints);
        Assert.Contains("MAX_SOMETHING", complaint, StringComparison.Ordinal);
        Assert.Contains("from 0 to 9", complaint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("yes", true)]
    [InlineData("TRUE", true)]
    [InlineData("1", true)]
    [InlineData("off", false)]
    [InlineData("False", false)]
    [InlineData("0", false)]
    public void Reads_a_switch_in_the_words_people_use(string value, bool expected)
    {
        var settings = Reader(environment: value);

        Assert.Equal(expected, settings.Switch("MAX_SOMETHING", !expected, ""));
        Assert.Empty(settings.Complaints);
    }

    [Fact]
    public void Names_a_switch_and_a_duration_that_it_cannot_read()
    {
        var settings = Reader(environment: "perhaps");

        settings.Switch("MAX_SOMETHING", true, "");
        settings.Duration("MAX_SOMETHING", TimeSpan.Zero, TimeSpan.Zero, TimeSpan.MaxValue, "");

        Assert.Equal(2, settings.Complaints.Count(sentence =>
            sentence.StartsWith("MAX_SOMETHING must", StringComparison.Ordinal)));
    }

    [Fact]
    public void Refuses_every_name_in_the_file_that_nothing_reads()
    {
        var settings = new SettingsReader(
            new Dictionary<string, string?>(StringComparer.Ordinal),
            new Dictionary<string, string>(StringComparer.Ordinal),
            [new EnvEntry("COLOUR", "red", 7)]);

        settings.RefuseUnknown();

        Assert.StartsWith("COLOUR (line 7", Assert.Single(settings.Complaints), StringComparison.Ordinal);
    }

    [Fact]
    public void Leaves_the_environment_of_others_alone_but_not_a_slip_of_the_finger()
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = "/bin",
            ["MAX_SOMETHIN"] = "1",
            ["LLM_PROXY_COLOUR"] = "red",
        };
        var settings = new SettingsReader(new Dictionary<string, string?>(StringComparer.Ordinal), environment, []);

        settings.Number("MAX_SOMETHING", 4, 0, 9, "");
        settings.RefuseUnknown();

        Assert.Equal(2, settings.Complaints.Count);
        Assert.Contains("did you mean MAX_SOMETHING?", settings.Complaints[0], StringComparison.Ordinal);
        Assert.Contains("LLM_PROXY_COLOUR", settings.Complaints[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Never_repeats_more_than_the_beginning_of_a_wrong_value()
    {
        const string Key = "sk-0123456789abcdefghijklmnopqrstuvwxyz";
        var settings = Reader(environment: Key);

        settings.Number("MAX_SOMETHING", 4, 0, 9, "");

        Assert.DoesNotContain(Key, settings.Complaints[0], StringComparison.Ordinal);
    }

    private static SettingsReader Reader(string? flag = null, string? environment = null, string? file = null) => new(
        flag is null ? [] : new Dictionary<string, string?>(StringComparer.Ordinal) { ["MAX_SOMETHING"] = flag },
        environment is null
            ? []
            : new Dictionary<string, string>(StringComparer.Ordinal) { ["MAX_SOMETHING"] = environment },
        file is null ? [] : [new EnvEntry("MAX_SOMETHING", file, 1)]);
}
