using LlmProxy.Usage.Prices;
using Xunit;

namespace LlmProxy.Tests.Usage.Prices;

/// <summary>Price tables as a file describes them.</summary>
internal static class Given
{
    public static PriceTable Table(string lines) => Read(FileWith(lines));

    public static PriceTable Read(string yaml)
    {
        var complaints = new List<string>();
        var table = PriceFile.Read(yaml, "prices.yaml", complaints.Add);
        Assert.Empty(complaints);
        return table!;
    }

    public static IReadOnlyList<string> Complaints(string yaml)
    {
        var complaints = new List<string>();
        var table = PriceFile.Read(yaml, "prices.yaml", complaints.Add);
        Assert.Equal(complaints.Count > 0, table is null);
        return complaints;
    }

    /// <summary>A whole file with one model, whose first line is line 6.</summary>
    public static string FileWith(string lines) =>
        $"version: 1\ndate: 2026-01-31\ncurrency: USD\nmodels:\n  some:\n    {lines}\n";
}
