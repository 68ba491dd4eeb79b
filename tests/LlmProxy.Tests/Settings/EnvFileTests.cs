using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Settings;

public sealed class EnvFileTests
{
    [Theory]
    [InlineData("A=b", "A", "b")]
    [InlineData("export A=b", "A", "b")]
    [InlineData("A = b ", "A", "b")]
    [InlineData("A=", "A", "")]
    [InlineData("A=b # why", "A", "b")]
    [InlineData("A=b#c", "A", "b#c")]
    [InlineData("A=\"b # c\" # why", "A", "b # c")]
    [InlineData("A='b=c'", "A", "b=c")]
    [InlineData("A=$HOME", "A", "$HOME")]
    public void Reads_an_assignment_as_it_stands(string line, string name, string value)
    {
        Assert.True(EnvFile.TryReadEntry(line, 1, out var entry));
        Assert.Equal((name, value), (entry.Name, entry.Value));
    }

    [Theory]
    [InlineData("A")]
    [InlineData("=b")]
    [InlineData("A B=c")]
    [InlineData("A=\"b")]
    [InlineData("A=\"b\" c")]
    public void Refuses_a_line_that_is_no_assignment(string line) =>
        Assert.False(EnvFile.TryReadEntry(line, 1, out _));

    [Fact]
    public void Names_file_and_line_of_what_it_cannot_read()
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(path, "# settings\n\nA=b\nnonsense\n");
        var complaints = new List<string>();

        var entries = EnvFile.Read(path, complaints);

        Assert.Equal([new EnvEntry("A", "b", 3)], entries);
        Assert.StartsWith($"{path}:4:", Assert.Single(complaints), StringComparison.Ordinal);
        File.Delete(path);
    }
}
