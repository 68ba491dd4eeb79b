namespace LlmProxy.Benchmarks.Load;

/// <summary>Order statistics of what was measured; an average would hide the neighbours' noise in it.</summary>
internal static class Samples
{
    public static double Median(IEnumerable<double> samples) => Quantile(samples, 0.5);

    /// <summary>The quantile between the two nearest samples, NaN when nothing was measured.</summary>
    public static double Quantile(IEnumerable<double> samples, double share)
    {
        var sorted = samples.Where(double.IsFinite).Order().ToArray();
        if (sorted.Length == 0)
        {
            return double.NaN;
        }

        var middle = share * (sorted.Length - 1);
        var (low, high) = (sorted[(int)Math.Floor(middle)], sorted[(int)Math.Ceiling(middle)]);
        return low + ((high - low) * (middle - Math.Floor(middle)));
    }
}
